// A server in the form of a `fetch()` that meets trouble, and a clock that tests move.

import { onTestFinished, vi } from "vitest";

import { end, line, pageOf, PARTS } from "./streamer.js";

export const URL_OF_ALL = "https://a.test/";

/** What `fetch()` throws without a network. */
export const lost = () => new TypeError("Failed to fetch");

export const busy = (status = 503, headers = {}) =>
  new Response("<h1>Busy</h1>", { status, headers });

/** Numbers from 0 to 1, always the same for a seed (mulberry32). */
export function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Pages of one part each, or a stream, of the parts in PARTS.
 *
 * `trouble(number, at, what)` returns an error to throw or a response, or undefined for none: of
 * request `number`, `at` milliseconds after the first. `asked` has `what` was requested ("page start",
 * "stream b", "page a of a,c"), and `times` when.
 */
export function troubled(trouble = () => undefined) {
  const asked = [];
  const times = [];
  let start;
  async function fetch(url, { headers } = {}) {
    const query = new URL(url).searchParams;
    const cursor = query.get("cursor");
    const chosen = query.get("parts")?.split(",") ?? PARTS;
    const isStream = headers?.get("Accept") === "application/jsonl";
    const of = query.has("parts") ? ` of ${chosen}` : "";
    asked.push(`${isStream ? "stream" : "page"} ${cursor ?? "start"}${of}`);
    start ??= Date.now();
    times.push(Date.now() - start);
    const met = trouble(asked.length - 1, times.at(-1), asked.at(-1));
    if (met instanceof Error) throw met;
    if (met) return met;
    const left = chosen.slice(chosen.indexOf(cursor) + 1);
    if (isStream) return streamOf(...left.map(line), end());
    return Response.json(pageOf(left.slice(0, 1), left.length > 1 ? left[0] : null));
  }
  return { fetch, asked, times };
}

export const streamOf = (...lines) =>
  new Response(lines.join(""), { headers: { "Content-Type": "application/jsonl" } });

/** A stream of these lines whose connection then breaks. */
export function brokenStream(...lines) {
  let isSent = false;
  const body = new ReadableStream({
    pull(controller) {
      if (isSent) controller.error(lost());
      else controller.enqueue(new TextEncoder().encode(lines.join("") || " "));
      isSent = true;
    },
  });
  return new Response(body, { headers: { "Content-Type": "application/jsonl" } });
}

/** Let time pass only by `passing()`. */
export function stopClock() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  onTestFinished(() => vi.useRealTimers());
}

/** Let `seconds` pass, in steps of 10 milliseconds, with what happens in them. */
export async function passing(seconds) {
  for (let step = 0; step < seconds * 100; step += 1) {
    await vi.advanceTimersByTimeAsync(10);
    await new Promise(setImmediate);
  }
}
