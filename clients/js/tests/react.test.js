// @vitest-environment jsdom

import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";

import { useParts } from "../react.js";
import { control, DASHBOARD, ECHO, NAMES, namesOf, noting, STAFF } from "./server.js";
import { cut, FAILURE, nothing, pageOf, PARTS, slow, streamer } from "./streamer.js";
import { tagging } from "./tagging.js";
import { lost, troubled } from "./troubled.js";

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

test("useParts() in React is loading, and shows the pending part, until it is there", async () => {
  const { fetch, finish } = slow();
  const { now } = use("https://a.test/", { fetch });
  expect(now().pending).toEqual([]);
  await waitFor(() => expect(now().pending).toEqual([{ name: "b", progress: 0.25 }]));
  await waitFor(() => expect(namesOf(now().parts)).toEqual(["a"]));
  expect(now().loading).toBe(true);
  finish();
  await done(now);
  expect(now()).toMatchObject({ pending: [], error: null });
  expect(namesOf(now().parts)).toEqual(["a", "b"]);
});

test("retry(name) in React shows the part as pending until it is there", async () => {
  const { fetch, finish } = slow({ fails: true });
  const { now } = use("https://a.test/", { fetch });
  await done(now);
  act(() => now().retry("b"));
  await waitFor(() => expect(now().pending).toEqual([{ name: "b", progress: 0.25 }]));
  expect(now().loading).toBe(true);
  expect(now().parts[1].error.part).toBe("b");
  finish();
  await done(now);
  expect(now().pending).toEqual([]);
  expect(now().parts[1]).toEqual({ name: "b", value: "b", error: null });
});

test("useParts() in React is waiting while the network is gone, without an error", async () => {
  let isOut = true;
  const { fetch } = troubled(() => (isOut ? lost() : undefined));
  const { now } = use("https://a.test/", { fetch });
  expect(now().waiting).toBe(false);
  await waitFor(() => expect(now()).toMatchObject({ waiting: true, loading: true, error: null }));
  isOut = false;
  await done(now);
  expect(now()).toMatchObject({ waiting: false, error: null });
  expect(namesOf(now().parts)).toEqual(PARTS);
});

test("the signal of a retry in React ends it at once, and leaves the part as it was", async () => {
  const failed = { ...pageOf(["a", "b"], null), errors: [{ ...FAILURE, index: 1 }] };
  const { fetch } = troubled((number) => (number ? lost() : Response.json(failed)));
  const { now } = use("https://a.test/", { fetch });
  await done(now);
  const before = now().parts;
  const controller = new AbortController();
  act(() => now().retry(["b"], { signal: controller.signal }));
  await waitFor(() => expect(now().waiting).toBe(true));
  controller.abort();
  await done(now);
  expect(now()).toMatchObject({ waiting: false, error: null });
  expect(now().parts).toBe(before);
});

test("refresh() in React replaces parts in their places, and is never loading", async () => {
  let version = 1;
  const fetch = async (url) => {
    const names = new URL(url).searchParams.get("parts")?.split(",") ?? PARTS;
    const page = pageOf(names, null);
    return Response.json({ ...page, results: names.map((name) => ({ [name]: version })) });
  };
  const loadings = [];
  const { result } = renderHook(() => {
    const used = useParts("https://a.test/", { fetch });
    loadings.push(used.loading);
    return used;
  });
  const values = () => result.current.parts.map(({ value }) => value);
  await waitFor(() => expect(result.current.loading).toBe(false));
  loadings.length = 0;
  const { refresh } = result.current;
  version = 2;
  act(() => refresh("b", "c"));
  await waitFor(() => expect(values()).toEqual([1, 2, 2, 1]));
  version = 3;
  act(() => refresh());
  await waitFor(() => expect(values()).toEqual([3, 3, 3, 3]));
  expect(namesOf(result.current.parts)).toEqual(PARTS);
  expect(new Set(loadings)).toEqual(new Set([false]));
  expect(result.current.refresh).toBe(refresh);
});

test("a refresh in React in which nothing has changed renders nothing", async () => {
  const values = { a: { text: "a" }, b: [1, 2], c: null };
  const { fetch, asked } = tagging(values);
  let renders = 0;
  const { result } = renderHook(() => {
    renders += 1;
    return useParts("/api/", { fetch });
  });
  const settled = async (act_) => {
    const count = asked.length;
    act(act_);
    await waitFor(() => expect(asked.length).toBe(count + 2));
    await act(() => new Promise(setImmediate));
  };
  await waitFor(() => expect(result.current.loading).toBe(false));
  await settled(() => result.current.refresh());
  const [a, b] = result.current.parts;
  const before = renders;
  await settled(() => result.current.refresh());
  expect(asked.at(-1).tags).toMatchObject({ a: a.etag, b: b.etag });
  expect(renders).toBe(before);
  values.b = "new";
  await settled(() => result.current.refresh());
  expect(renders).toBe(before + 1);
  expect(result.current.parts[0]).toBe(a);
  expect(result.current.parts[1].value).toBe("new");
});

test("`every` in React refreshes until the component unmounts", async () => {
  const { fetch: answer, asked } = troubled();
  const signals = [];
  const fetch = (url, init) => {
    signals.push(init.signal);
    return answer(url, init);
  };
  const { now, unmount } = use("https://a.test/", { fetch, every: 0.05, first: "d" });
  await waitFor(() => expect(asked.length).toBeGreaterThan(12));
  expect(asked.filter((what) => what.includes(" of "))).toEqual(["page start of d"]);
  expect(namesOf(now().parts)).toEqual(["d", "a", "b", "c"]);
  unmount();
  expect(signals.at(-1).aborted).toBe(true);
});

test("a new address in React has no pending part of the old one", async () => {
  const { now, rerender } = use("https://a.test/", { fetch: slow().fetch });
  await waitFor(() => expect(now().pending).toHaveLength(1));
  rerender({ address: null });
  expect(now()).toMatchObject({ pending: [], loading: false });
});

test("unmounting a React component ends its wait for a pending part", async () => {
  const timers = vi.spyOn(globalThis, "setTimeout");
  const cleared = vi.spyOn(globalThis, "clearTimeout");
  onTestFinished(() => vi.restoreAllMocks());
  const { unmount } = use("https://a.test/", { fetch: slow({ retry_after: 25 }).fetch });
  const place = () => timers.mock.calls.findIndex(([, duration]) => duration === 25_000);
  await waitFor(() => expect(place()).toBeGreaterThan(-1));
  const { value: timer } = timers.mock.results[place()];
  expect(cleared).not.toHaveBeenCalledWith(timer);
  unmount();
  expect(cleared).toHaveBeenCalledWith(timer);
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
