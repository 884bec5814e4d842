// Tests may make the Django server misbehave. After each test it behaves normally again.

import { afterEach } from "vitest";

import { control } from "./server.js";

afterEach(() => control("reset"));
