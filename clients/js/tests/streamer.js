// A small server of streams and pages that misbehaves as it is told.
//
// It has four parts; the cursor behind a part is the name of the part. A way to answer is called
// with the response and the request as it was read.

import { onTestFinished, vi } from "vitest";

import { parts } from "../partstream.js";
import { all, namesOf, serve } from "./server.js";

export const PARTS = ["a", "b", "c", "d"];

export const FAILURE = { part: "b", code: "part_failed", message: "It failed.", retryable: true };

/**
 * Serve until the test ends: each request is answered in the next of `ways`, and when there are no
 * more as a stream or page without faults. Returns the address and, in `asked`, the requests
 * ("stream start", "page b").
 */
export async function streamer(...ways) {
  const asked = [];
  const url = await serve(async (response, number, request) => {
    const query = new URL(request.url, "http://localhost").searchParams;
    const accept = request.headers.accept;
    const asksStream = accept.startsWith("application/jsonl");
    const cursor = query.get("cursor");
    asked.push(`${asksStream ? "stream" : "page"} ${cursor ?? "start"}`);
    const chosen = query.get("parts")?.split(",") ?? PARTS;
    const left = chosen.slice(cursor ? chosen.indexOf(cursor) + 1 : 0);
    const way = ways[number] ?? (asksStream ? stream() : page);
    await way(response, { left, chosen, accept, cursor });
  });
  return { url, asked };
}

export const line = (name) =>
  `${JSON.stringify({ name, value: { is: `${name}é😀` }, cursor: name })}\n`;
export const end = (cursor = null) =>
  `${JSON.stringify({ meta: { total_parts: 4, delivered: 0, has_more: cursor !== null }, cursor })}\n`;

/** The line that tells of a pending part. */
export const progress = (name, done = null, retry_after = undefined) =>
  `${JSON.stringify({ progress: { name, progress: done, retry_after } })}\n`;

/** All parts that are left and the end; or `after` parts, `tail` and a broken connection. */
export const stream =
  ({ after = Infinity, tail = end() } = {}) =>
  async (response, { left }) => {
    head(response);
    const text = ` ${left.slice(0, after).map(line).join("")}`;
    await whole(response, Buffer.concat([text, tail].map((one) => Buffer.from(one))));
    if (after === Infinity) response.end();
    else response.destroy();
  };

/** A connection that breaks behind `after` parts and the text `tail`. */
export const cut = (after, tail = "") => stream({ after, tail });

/** These lines and the end of the response. */
export const lines =
  (...texts) =>
  (response) => {
    head(response);
    response.end(texts.join(""));
  };

/** `after` parts, and then nothing, on a connection that stays open. */
export const hang =
  (after) =>
  async (response, { left }) => {
    head(response);
    response.flushHeaders();
    if (after) await whole(response, left.slice(0, after).map(line).join(""));
  };

/** Nothing at all, on a connection that stays open. */
export const nothing = () => {};

export const answer = (status, type, body) => (response) =>
  response.writeHead(status, { "Content-Type": type }).end(body);

export const refusal = (status, code) =>
  answer(status, "application/json", JSON.stringify({ code, detail: `This is ${code}.` }));

/** This page: its parts, whose values are their names, its cursor, and its pending parts. */
export const exactly = (names, cursor, pending = undefined) =>
  answer(200, "application/json", JSON.stringify(pageOf(names, cursor, pending)));

export const pageOf = (names, cursor, pending = undefined) => ({
  results: names.map((name) => ({ [name]: name })),
  cursor,
  meta: { total_parts: 4 },
  pending,
});

/**
 * A server in the form of a `fetch()`: part `b` is pending until `finish()`. With `fails` it is an
 * error first, and pending when it is asked for by itself.
 */
export function slow({ fails = false, retry_after = 0.1 } = {}) {
  let isDone = false;
  const b = { part: "b", retry_after, progress: 0.25 };
  const failed = { ...pageOf(["a", "b"], null), errors: [{ ...FAILURE, index: 1 }] };
  const answerTo = (query) => {
    if (fails && !query.has("parts")) return failed;
    if (isDone) return pageOf(["b"], null);
    const isFirst = !query.has("parts") && !query.has("cursor");
    return pageOf(isFirst ? ["a"] : [], "waiting", [b]);
  };
  return {
    fetch: async (url) => Response.json(answerTo(new URL(url).searchParams)),
    finish: () => {
      isDone = true;
    },
  };
}

/** A page of two parts, whatever was asked for. */
export function page(response, { left, chosen }) {
  const names = left.slice(0, 2);
  const cursor = left.length > 2 ? names[1] : null;
  response.setHeader("Content-Type", "application/json");
  response.end(
    JSON.stringify({
      results: names.map((name) => ({ [name]: { is: `${name}é😀` } })),
      cursor,
      meta: { total_parts: chosen.length, current_chunk_size: names.length, has_more: cursor !== null },
    }),
  );
}

function head(response) {
  response.setHeader("Content-Type", "application/jsonl");
}

function whole(response, bytes) {
  return new Promise((written) => response.write(bytes, written));
}

export const streamed = (url, options) => parts(url, { stream: true, ...options });

/** Follow a server that answers in these ways: the names of the parts, and the requests. */
export async function follow(...ways) {
  const { url, asked } = await streamer(...ways);
  return { names: namesOf(await all(streamed(url))), asked };
}

/** Break the connection before any answer. */
export const dropped = (response) => response.destroy();

/** Let time pass only by `vi.advanceTimersByTimeAsync()`. */
export function freeze() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => vi.useRealTimers());
}

/** Have the client wait no time until the test ends. Returns the milliseconds of its waits. */
export function hurry() {
  const waits = [];
  const { setTimeout } = globalThis;
  vi.stubGlobal("setTimeout", (then, duration, ...values) => {
    const [, , caller] = new Error().stack.split("\n");
    // A time limit has an error to reject with.
    const isWait = caller.includes("/partstream.js") && values.length === 0;
    if (isWait) waits.push(duration);
    return setTimeout(then, isWait ? 0 : duration, ...values);
  });
  onTestFinished(() => vi.unstubAllGlobals());
  return waits;
}

/** Wait until `check()` holds. (`vi.waitUntil()` would move a frozen clock.) */
export async function until(check) {
  while (!check()) await new Promise(setImmediate);
}
