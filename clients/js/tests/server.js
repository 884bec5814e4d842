// The example shop, served by Django for these tests.

import { createServer } from "node:http";

import { onTestFinished } from "vitest";

const { PARTSTREAM_URL, PARTSTREAM_SESSION } = process.env;
if (!PARTSTREAM_URL || !PARTSTREAM_SESSION) {
  throw new Error("These tests need a server: make test ARGS='tests/clients -k javascript'");
}

export const CAMEL = `${PARTSTREAM_URL}/api/camel/`;
export const ECHO = `${PARTSTREAM_URL}/api/echo/`;
export const DASHBOARD = `${PARTSTREAM_URL}/api/dashboard/`;
export const FORECAST = `${PARTSTREAM_URL}/api/forecast/`;
export const NAMED = `${PARTSTREAM_URL}/api/named/`;
export const TOGETHER = `${PARTSTREAM_URL}/api/together/`;
export const NAMES = [
  "overview",
  "today_stats",
  "recent_orders",
  "inventory_alerts",
  "sales_analytics",
  "customer_insights",
];
export const STAFF = { headers: { Cookie: `sessionid=${PARTSTREAM_SESSION}` } };

/** Have the server misbehave: `control("fail", { part: "overview" })`. */
export async function control(what, query = {}) {
  const response = await fetch(`${PARTSTREAM_URL}/control/${what}/?${new URLSearchParams(query)}`);
  if (!response.ok) throw new Error(`control ${what}: ${response.status}`);
  return response.json();
}

/** A `fetch()` that records the queries it was called with and fetches `change(url, number)`. */
export function noting(change = (url) => url) {
  const asked = [];
  async function noted(url, init) {
    const meant = await change(new URL(url), asked.length);
    asked.push(new URL(url).search);
    return fetch(meant, init);
  }
  return Object.assign(noted, { asked });
}

/** Replace the cursor of `url` by the same cursor with an expiry in the past. */
export async function expired(url) {
  const { cursor } = await control("expired", { cursor: url.searchParams.get("cursor") });
  url.searchParams.set("cursor", cursor);
  return url;
}

/** Serve `answer(response, number, request)` until the test ends, and return the address. */
export async function serve(answer) {
  let number = 0;
  const server = createServer((request, response) => answer(response, number++, request));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

export async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}

export const namesOf = (parts) => parts.map(({ name }) => name);
