// @vitest-environment jsdom

import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, expect, test } from "vitest";

import { useParts } from "../react.js";
import { control, DASHBOARD, ECHO, NAMES, namesOf, noting, STAFF } from "./server.js";
import { cut, nothing, PARTS, streamer } from "./streamer.js";

afterEach(cleanup);

function use(url, options = STAFF, extra = {}) {
  const rendered = renderHook(({ address }) => useParts(address, options), {
    initialProps: { address: url },
    ...extra,
  });
  return { ...rendered, now: () => rendered.result.current };
}

const done = (now) => waitFor(() => expect(now().loading).toBe(false), { timeout: 10_000 });

test("useParts() in React shows the parts page after page", async () => {
  await control("hold", { part: "recent_orders" });
  const { now } = use(DASHBOARD);
  expect(now()).toMatchObject({ parts: [], total: null, loading: true, error: null });
  await waitFor(() => expect(namesOf(now().parts)).toEqual(NAMES.slice(0, 2)));
  expect(now()).toMatchObject({ total: 6, loading: true });
  await control("release");
  await done(now);
  expect(namesOf(now().parts)).toEqual(NAMES);
});

test("useParts() in React takes a stream, which tells the number of parts at its end", async () => {
  const { url, asked } = await streamer(cut(2), nothing);
  const { now, unmount } = use(url, { stream: true });
  await waitFor(() => expect(namesOf(now().parts)).toEqual(["a", "b"]));
  expect(now()).toMatchObject({ total: null, loading: true });
  unmount();

  const whole = use(url, { stream: true });
  await done(whole.now);
  expect(whole.now()).toMatchObject({ total: 4, error: null });
  expect(namesOf(whole.now().parts)).toEqual(PARTS);
  expect(asked).toEqual(["stream start", "stream b", "stream start"]);
});

test("no part comes twice in React's StrictMode", async () => {
  const { now } = use(DASHBOARD, STAFF, { wrapper: StrictMode });
  await waitFor(() => expect(now().parts).toHaveLength(6));
  await done(now);
  expect(namesOf(now().parts)).toEqual(NAMES);
});

test("retry(name) in React replaces the failed part in its place", async () => {
  await control("fail", { part: "today_stats" });
  const { now } = use(DASHBOARD);
  await done(now);
  expect(now().parts[1].error.code).toBe("part_failed");
  await control("reset");
  act(() => now().retry("today_stats"));
  expect(now().loading).toBe(true);
  await done(now);
  expect(namesOf(now().parts)).toEqual(NAMES);
  expect(now().parts[1].error).toBe(null);
  expect(now().total).toBe(6);
});

test("retry() in React retries all failed parts", async () => {
  await control("fail", { part: "today_stats" });
  await control("fail", { part: "sales_analytics" });
  const { now } = use(DASHBOARD);
  await done(now);
  await control("reset");
  act(() => now().retry());
  await done(now);
  expect(now().parts.map(({ error }) => error)).toEqual(Array(6).fill(null));
  expect(namesOf(now().parts)).toEqual(NAMES);
});

test("the error that ended the walk stays in React while parts are retried", async () => {
  const fetch = noting((url, number) => (number === 1 ? `${DASHBOARD}?cursor=x` : url));
  const { now } = use(DASHBOARD, { ...STAFF, fetch });
  await done(now);
  expect(now().error.code).toBe("invalid_cursor");
  act(() => now().retry("overview"));
  await done(now);
  expect(now().error.code).toBe("invalid_cursor");
  expect(namesOf(now().parts)).toEqual(["overview", "today_stats"]);
});

test("the error that ended the walk is cleared in React by reload()", async () => {
  const options = {};
  const { now } = use(DASHBOARD, options);
  await done(now);
  expect(now()).toMatchObject({ parts: [], error: { status: 403 } });
  Object.assign(options, STAFF);
  act(() => now().reload());
  await waitFor(() => expect(now().parts).toHaveLength(6));
  expect(now().error).toBe(null);
});

test("a new address starts a new walk in React, and null ends it", async () => {
  const { now, rerender } = use(null);
  expect(now()).toMatchObject({ parts: [], loading: false });
  rerender({ address: `${ECHO}?a=1` });
  await waitFor(() => expect(now().parts).toHaveLength(3));
  rerender({ address: `${ECHO}?a=2` });
  expect(now().parts).toEqual([]);
  await waitFor(() => expect(now().parts).toHaveLength(3));
  expect(now().parts[0].value).toEqual({ a: "2" });
  rerender({ address: null });
  expect(now()).toMatchObject({ parts: [], loading: false });
});

test("no render in React shows the parts of another address", async () => {
  const shown = [];
  const { rerender, result } = renderHook(
    ({ url }) => {
      const used = useParts(url);
      shown.push([url, used.parts.map(({ value }) => value)[0]]);
      return used;
    },
    { initialProps: { url: `${ECHO}?a=1` } },
  );
  await waitFor(() => expect(result.current.parts).toHaveLength(3));
  rerender({ url: `${ECHO}?a=2` });
  await waitFor(() => expect(result.current.parts).toHaveLength(3));
  const told = shown.filter(([, value]) => value);
  expect(new Set(told.map(([url, { a }]) => [url.at(-1), a].join()))).toEqual(
    new Set(["1,1", "2,2"]),
  );
});

test("a URL object made anew for each render in React is the same address", async () => {
  const fetch = noting();
  const { result } = renderHook(() => useParts(new URL(ECHO), { fetch }));
  await waitFor(() => expect(result.current.loading).toBe(false));
  expect(fetch.asked).toHaveLength(3);
});

test("unmounting a React component aborts its walk", async () => {
  await control("hold", { part: "recent_orders" });
  const signals = [];
  const fetch = noting();
  const options = {
    ...STAFF,
    fetch: (url, init) => {
      signals.push(init.signal);
      return fetch(url, init);
    },
  };
  const { now, unmount } = use(DASHBOARD, options);
  await waitFor(() => expect(now().parts).toHaveLength(2));
  unmount();
  expect(signals.at(-1).aborted).toBe(true);
  await control("release");
  expect(fetch.asked).toHaveLength(2);
});

test("a signal given by the caller ends the walk in React", async () => {
  await control("hold", { part: "recent_orders" });
  const controller = new AbortController();
  const { now } = use(DASHBOARD, { ...STAFF, signal: controller.signal });
  await waitFor(() => expect(now().parts).toHaveLength(2));
  act(() => controller.abort(new Error("enough")));
  await waitFor(() => expect(now().error?.message).toBe("enough"));
  await control("release");
});
