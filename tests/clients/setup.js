// Stands in for a browser on the shop's page: signed in, with a CSRF cookie and relative URLs.

import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";

import { change, control } from "./shop.js";

const { PARTSTREAM_URL, PARTSTREAM_SESSION } = process.env;
if (!PARTSTREAM_URL || !PARTSTREAM_SESSION) {
  throw new Error("These tests need a server: make test ARGS='tests/clients -k graphql'");
}
const { fetch } = globalThis;

beforeEach(() => {
  document.cookie = `csrftoken=${"c".repeat(32)}`;
  vi.stubGlobal("fetch", async (url, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set("Cookie", `${document.cookie}; sessionid=${PARTSTREAM_SESSION}`);
    const body = init.body && JSON.stringify(await change(JSON.parse(init.body)));
    return fetch(new URL(url, PARTSTREAM_URL), { ...init, body, headers, signal: undefined });
  });
});

afterEach(async () => {
  cleanup();
  vi.unstubAllGlobals();
  await control("reset");
});
