// Tests talk to a Django server, which may be made to misbehave; it is as it was after each.

import { afterEach } from "vitest";

import { control } from "./server.js";

afterEach(() => control("reset"));
