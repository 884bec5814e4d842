// Walks over pages and streams that tell of pending parts.

import { describe, expect, onTestFinished, test, vi } from "vitest";

import { ProgressiveLoader } from "../loader.js";
import { follow as followPages, parts } from "../partstream.js";
import { walk } from "../walk.js";
import { all, namesOf } from "./server.js";
import {
  cut,
  end,
  exactly,
  FAILURE,
  freeze,
  hurry,
  line,
  lines,
  page,
  pageOf,
  PARTS,
  progress,
  refusal,
  streamed,
  streamer,
  until,
} from "./streamer.js";

const forecast = (retry_after, done = null) => ({ part: "forecast", retry_after, progress: done });

/** A function `pageAt()` that gives these pages in turn; `asked` has the cursors. */
function source(...pages) {
  const asked = [];
  const pageAt = async (cursor) => {
    const page = pages[asked.push(cursor) - 1];
    if (page instanceof Error) throw page;
    return page;
  };
  return Object.assign(pageAt, { asked });
}

const tooOld = Object.assign(new Error("too old"), { status: 410 });

describe("a page with pending parts and no new part", () => {
  test("is followed after the smallest retry_after, and not before", async () => {
    freeze();
    const pending = [forecast(9), { part: "export", retry_after: 2.5, progress: null }];
    const { url, asked } = await streamer(
      exactly([], "1", pending),
      exactly(["forecast", "export"], null),
    );
    const timers = vi.spyOn(globalThis, "setTimeout");
    onTestFinished(() => timers.mockRestore());
    const walk = all(parts(url));
    await until(() => timers.mock.calls.some(([, duration]) => duration === 2500));
    await vi.advanceTimersByTimeAsync(2499);
    expect(asked).toEqual(["page start"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(namesOf(await walk)).toEqual(["forecast", "export"]);
    expect(asked).toEqual(["page start", "page 1"]);
  });

  test.each([
    [undefined, 1000],
    [null, 1000],
    [0, 1000],
    [-3, 1000],
    [NaN, 1000],
    ["5", 1000],
    [true, 1000],
    [0.001, 1000],
    [0.1, 100],
    [0.5, 500],
    [12.5, 12_500],
    [30, 30_000],
    [86_400, 30_000],
    [Infinity, 30_000],
  ])("that says retry_after %s is followed after %i ms", async (retry_after, duration) => {
    const pageAt = source(pageOf([], "1", [forecast(retry_after)]), pageOf(["forecast"], null));
    const waits = hurry();
    const came = await all(followPages(pageAt));
    expect(namesOf(came)).toEqual(["forecast"]);
    expect(waits).toEqual([duration]);
  });

  test("may have renamed keys, or those of GraphQL", async () => {
    const renamed = { part: "forecast", retryAfter: 2, progress: 0.1 };
    const queried = { name: "forecast", retryAfter: 3, progress: 0.2 };
    const pages = [[renamed], [queried], null].map((pending, number) =>
      pageOf(pending ? [] : ["forecast"], pending && String(number), pending),
    );
    const onPending = vi.fn();
    const waits = hurry();
    await all(followPages(source(...pages), { onPending }));
    expect(waits).toEqual([2000, 3000]);
    expect(onPending.mock.calls).toEqual([
      [[{ name: "forecast", progress: 0.1 }]],
      [[{ name: "forecast", progress: 0.2 }]],
      [[]],
    ]);
  });

  test("is no turn of a circle, however often it comes", async () => {
    const waiting = Array.from({ length: 50 }, (_, number) =>
      pageOf(["a"].slice(number % 2), `${number}`, [forecast(1)]),
    );
    const pageAt = source(pageOf(["a"], "0"), ...waiting, pageOf(["forecast"], null));
    const waits = hurry();
    const came = await all(followPages(pageAt));
    expect(namesOf(came)).toEqual(["a", "forecast"]);
    expect(waits).toEqual(Array(50).fill(1000));
    expect(pageAt.asked.slice(0, 4)).toEqual([null, "0", "0", "1"]);
  });

  test("hides no circle of the pages behind it", async () => {
    const again = pageOf(["a"], "x");
    const pageAt = source(again, pageOf([], "x", [forecast(1)]), ...Array(9).fill(again));
    hurry();
    await expect(all(followPages(pageAt))).rejects.toThrow("The same parts come again");
    expect(pageAt.asked).toHaveLength(4);
  });

  test("whose cursor expires meanwhile starts the walk again, and gives no part twice", async () => {
    const pageAt = source(
      pageOf(["a"], "1", [forecast(1)]),
      pageOf([], "2", [forecast(1)]),
      tooOld,
      pageOf(["a"], "3", [forecast(1)]),
      pageOf(["forecast"], null),
    );
    const waits = hurry();
    const came = await all(followPages(pageAt));
    expect(namesOf(came)).toEqual(["a", "forecast"]);
    expect(waits).toEqual([1000, 1000]);
    expect(pageAt.asked).toEqual([null, "1", "2", null, "3"]);
  });
});

test("a page with pending parts and a new part is followed at once", async () => {
  const pageAt = source(pageOf(["a"], "1", [forecast(30)]), pageOf(["b", "forecast"], null));
  const waits = hurry();
    const came = await all(followPages(pageAt));
  expect(namesOf(came)).toEqual(["a", "b", "forecast"]);
  expect(waits).toEqual([]);
});

describe("a wait for pending parts", () => {
  /** Walk by `walkWith(signal)` until it waits for 7 seconds; spy on timers and listeners. */
  async function waiting(walkWith) {
    freeze();
    const timers = vi.spyOn(globalThis, "setTimeout");
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    onTestFinished(() => vi.restoreAllMocks());
    const controller = new AbortController();
    const { signal } = controller;
    const [added, removed] = ["addEventListener", "removeEventListener"].map((name) =>
      vi.spyOn(signal, name),
    );
    const place = () => timers.mock.calls.findIndex(([, duration]) => duration === 7000);
    const walk = walkWith(signal);
    walk.catch(() => {});
    await until(() => place() >= 0);
    const isCleared = () => cleared.mock.calls.flat().includes(timers.mock.results[place()].value);
    return { walk, controller, added, removed, isCleared };
  }

  test.each([
    ["a page", exactly([], "1", [forecast(7)]), false],
    ["a stream", lines(progress("forecast", null, 7), end("1")), true],
  ])("behind %s ends at once when its signal aborts", async (_, way, stream) => {
    const { url, asked } = await streamer(way);
    const { walk, controller, isCleared } = await waiting((signal) =>
      all(parts(url, { stream, signal })),
    );
    controller.abort(new Error("the user left"));
    await expect(walk).rejects.toThrow("the user left");
    expect(isCleared()).toBe(true);
    expect(asked).toHaveLength(1);
  });

  test("of follow() ends at once when its signal aborts, as fetch() does", async () => {
    const pageAt = source(pageOf([], "1", [forecast(7)]));
    const { walk, controller, added, removed, isCleared } = await waiting((signal) =>
      all(followPages(pageAt, { signal })),
    );
    controller.abort();
    await expect(walk).rejects.toMatchObject({ name: "AbortError" });
    expect([isCleared(), pageAt.asked]).toEqual([true, [null]]);
    expect(removed.mock.calls).toEqual(added.mock.calls);
  });

  test("leaves no listener at the signal", async () => {
    const pageAt = source(pageOf([], "1", [forecast(7)]), pageOf(["forecast"], null));
    const { walk, added, removed } = await waiting((signal) =>
      all(followPages(pageAt, { signal })),
    );
    await vi.advanceTimersByTimeAsync(7000);
    expect(namesOf(await walk)).toEqual(["forecast"]);
    expect(added).toHaveBeenCalledOnce();
    expect(removed.mock.calls).toEqual(added.mock.calls);
  });

  test("does not begin where onPending() aborts the signal", async () => {
    const controller = new AbortController();
    const onPending = () => controller.abort(new Error("enough"));
    const pageAt = source(pageOf([], "1", [forecast(30)]));
    const walk = all(followPages(pageAt, { signal: controller.signal, onPending }));
    await expect(walk).rejects.toThrow("enough");
  });

  test("ends with the reason null where a signal has that", async () => {
    const pageAt = source(pageOf([], "1", [forecast(7)]));
    const { walk, controller } = await waiting((signal) => all(followPages(pageAt, { signal })));
    controller.abort(null);
    expect(await walk.catch((reason) => [reason])).toEqual([null]);
  });
});

describe("onPending()", () => {
  const told = (onPending) =>
    onPending.mock.calls.map(([pending]) =>
      pending.map(({ name, progress, ...more }) => {
        expect(more).toEqual({});
        return `${name} ${progress}`;
      }),
    );

  test("is called for each page with pending parts, and once when none is left", async () => {
    const onPending = vi.fn();
    const pageAt = source(
      pageOf(["a"], "1"),
      pageOf(["b"], "2", [forecast(1, 0.2), { part: "export", retry_after: 1, progress: null }]),
      pageOf([], "3", [forecast(1, 0.7)]),
      pageOf(["forecast"], "4"),
      pageOf(["c"], null),
    );
    hurry();
    await all(followPages(pageAt, { onPending }));
    expect(told(onPending)).toEqual([["forecast 0.2", "export null"], ["forecast 0.7"], []]);
  });

  test("is called before the parts of the same page are given", async () => {
    const events = [];
    const onPending = (pending) => events.push(namesOf(pending));
    const pageAt = source(pageOf(["a"], "1", [forecast(1)]), pageOf(["forecast"], null));
    for await (const { name } of followPages(pageAt, { onPending })) events.push(name);
    expect(events).toEqual([["forecast"], "a", [], "forecast"]);
  });

  test.each([[undefined], [null], [[]]])("is not called where pending is %j", async (pending) => {
    const onPending = vi.fn();
    await all(followPages(source(pageOf(["a"], "1", pending), pageOf(["b"], null)), { onPending }));
    const { url } = await streamer();
    for (const stream of [true, false]) await all(parts(url, { onPending, stream }));
    expect(onPending).not.toHaveBeenCalled();
  });

  test("ends the walk with the error that it throws", async () => {
    const onPending = () => {
      throw new Error("no such bar");
    };
    const pageAt = source(pageOf(["a"], "1", [forecast(1)]));
    await expect(all(followPages(pageAt, { onPending }))).rejects.toThrow("no such bar");
  });

  test("is no option of fetch()", async () => {
    const given = [];
    const fetch = async (_, init) => {
      given.push(...Object.keys(init));
      return Response.json(pageOf(["a"], null));
    };
    await all(parts("https://a.test/", { fetch, onPending: () => {}, mode: "cors" }));
    expect(given).toEqual(["mode", "headers"]);
  });

  test("is called with all pending parts of a stream, without those that arrived", async () => {
    const onPending = vi.fn();
    const { url } = await streamer(
      lines(
        line("a"),
        progress("forecast", 0.1),
        progress("export"),
        line("b"),
        progress("forecast", 0.9),
        line("forecast"),
        line("export"),
        line("c"),
        end(),
      ),
    );
    const came = await all(streamed(url, { onPending }));
    expect(namesOf(came)).toEqual(["a", "b", "forecast", "export", "c"]);
    expect(told(onPending)).toEqual([
      ["forecast 0.1"],
      ["forecast 0.1", "export null"],
      ["forecast 0.9", "export null"],
      ["export null"],
      [],
    ]);
  });

  test("is called with no part at the end of a walk whose last stream forgot some", async () => {
    const onPending = vi.fn();
    const { url } = await streamer(lines(line("a"), progress("forecast"), end()));
    await all(streamed(url, { onPending }));
    expect(told(onPending)).toEqual([["forecast null"], []]);
  });

  test("tells null where an entry has no progress", async () => {
    const onPending = vi.fn();
    const { url } = await streamer(lines('{"progress":{"name":"a"}}\n', line("a"), end()));
    await all(streamed(url, { onPending }));
    expect(onPending.mock.calls[0]).toEqual([[{ name: "a", progress: null }]]);
  });

  test.each(['{"progress":0.3,"name":"b"}', '{"progress":{}}', '{"progress":null}', '{"hint":1}'])(
    "is not called for the line %s",
    async (text) => {
      const onPending = vi.fn();
      const { url } = await streamer(lines(`${text}\n`, line("a"), end()));
      expect(namesOf(await all(streamed(url, { onPending })))).toEqual(["a"]);
      expect(onPending).not.toHaveBeenCalled();
    },
  );
});

describe("a stream that ends with pending parts", () => {
  test("is asked for again as a stream, after the smallest retry_after it told", async () => {
    const { url, asked } = await streamer(
      lines(line("a"), progress("forecast", null, 9), progress("b", null, 4), end("a")),
      lines(progress("forecast", null, 6), progress("b", null, 8), end("a")),
      lines(line("b"), line("forecast"), end()),
    );
    const waits = hurry();
    const came = await all(streamed(url));
    expect(namesOf(came)).toEqual(["a", "b", "forecast"]);
    expect(waits).toEqual([4000, 6000]);
    expect(asked).toEqual(["stream start", "stream a", "stream a"]);
  });

  test("waits for no part that arrived", async () => {
    const { url } = await streamer(
      lines(progress("a", null, 2), progress("forecast", null, 7), line("a"), end("a")),
      lines(line("forecast"), end()),
    );
    const waits = hurry();
    await all(streamed(url));
    expect(waits).toEqual([7000]);
  });

  test("may have renamed keys", async () => {
    const renamed = { progress: { name: "forecast", progress: 0.5, retryAfter: 7 } };
    const { url } = await streamer(
      lines(`${JSON.stringify(renamed)}\n`, end("a")),
      lines(line("forecast"), end()),
    );
    const waits = hurry();
    await all(streamed(url));
    expect(waits).toEqual([7000]);
  });

  test("and then breaks twice goes on as pages, which wait too", async () => {
    const broken = lines(progress("c", 0.5, 7));
    const { url, asked } = await streamer(
      lines(line("a"), line("b"), progress("c", null, 7), end("b")),
      broken,
      broken,
      exactly([], "b", [{ part: "c", retry_after: 5, progress: 0.8 }]),
    );
    const onPending = vi.fn();
    const waits = hurry();
    const came = await all(streamed(url, { onPending }));
    expect(namesOf(came)).toEqual(PARTS);
    expect(waits).toEqual([7000, 5000]);
    expect(asked).toEqual(["stream start", "stream b", "stream b", "page b", "page b"]);
    expect(onPending.mock.calls.at(-2)).toEqual([[{ name: "c", progress: 0.8 }]]);
    expect(onPending.mock.calls.at(-1)).toEqual([[]]);
  });

  test("is no turn of a circle, though a proxy drops its cursor", async () => {
    const first = lines(line("a"), progress("forecast", null, 1), end("a"));
    const { url } = await streamer(...Array(9).fill(first), lines(line("forecast"), end()));
    hurry();
    expect(namesOf(await all(streamed(url)))).toEqual(["a", "forecast"]);
  });

  test("is a turn of a circle where it breaks before its end", async () => {
    const first = lines(line("a"), progress("forecast", null, 1));
    const { url, asked } = await streamer(...Array(9).fill(first));
    await expect(all(streamed(url))).rejects.toThrow("The same parts come again and again.");
    expect(asked.length).toBeLessThan(5);
  });
});

describe("a pending part", () => {
  test("that breaks a stream again and again is left to pages, which are few", async () => {
    const broken = cut(0, progress("a", 0.5, 7));
    const { url, asked } = await streamer(broken, broken, exactly([], "0", [forecast(7)]), page);
    hurry();
    const came = await all(streamed(url));
    expect(namesOf(came)).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "stream start", "page start", "page 0", "page b"]);
  });

  test.each(["progress", "meta", "name", "value", "pending"])("may be called %s", async (name) => {
    const onPending = vi.fn();
    const { url } = await streamer(lines(progress(name, 0.5), line(name), line("b"), end()));
    const came = await all(streamed(url, { onPending }));
    expect(namesOf(came)).toEqual([name, "b"]);
    expect(came[0].value).toEqual({ is: `${name}é😀` });
    expect(onPending.mock.calls).toEqual([[[{ name, progress: 0.5 }]], [[]]]);

    const pending = [{ part: name, retry_after: 1, progress: null }];
    const pageAt = source(pageOf([], "1", pending), pageOf([name], null));
    hurry();
    expect(namesOf(await all(followPages(pageAt)))).toEqual([name]);
  });

  test("may be refused when its stream is asked for again", async () => {
    const { url } = await streamer(
      lines(line("a"), progress("forecast", null, 2), end("a")),
      refusal(403, "permission_denied"),
    );
    hurry();
    await expect(all(streamed(url))).rejects.toMatchObject({ status: 403 });
  });
});

describe("ProgressiveLoader", () => {
  test("waits, tells of pending parts, and reports pages with parts only", async () => {
    const { url, asked } = await streamer(
      exactly(["a"], "1", [forecast(3)]),
      exactly([], "2", [forecast(3, 0.5)]),
      exactly(["forecast"], null),
    );
    const onPending = vi.fn();
    const reports = [];
    const loader = new ProgressiveLoader(url, { onPending });
    const waits = hurry();
    await loader.loadAll(({ totalLoaded, hasMore }) => reports.push([totalLoaded, hasMore]));
    expect(loader.allData).toEqual([{ a: "a" }, { forecast: "forecast" }]);
    expect(reports).toEqual([
      [1, true],
      [2, false],
    ]);
    expect(waits).toEqual([3000]);
    expect(onPending.mock.calls.map(([pending]) => pending.length)).toEqual([1, 1, 0]);
    expect(asked).toEqual(["page start", "page 1", "page 2"]);
  });

  test("retries a part that is pending then", async () => {
    const failed = { ...pageOf(["a", "b"], null), errors: [{ ...FAILURE, index: 1 }] };
    const again = { part: "b", retry_after: 3, progress: 0.5 };
    const answers = [failed, pageOf([], "1", [again]), pageOf(["b"], null)];
    const onPending = vi.fn();
    const fetch = async () => Response.json(answers.shift());
    const loader = new ProgressiveLoader("https://a.test/", { fetch, onPending });
    await loader.loadAll();
    expect(loader.errors).toHaveLength(1);
    const waits = hurry();
    await loader.retry();
    expect(waits).toEqual([3000]);
    expect([loader.errors, loader.allData[1]]).toEqual([[], { b: "b" }]);
    expect(onPending.mock.calls).toEqual([[[{ name: "b", progress: 0.5 }]], [[]]]);
  });
});

describe("a walk with state", () => {
  /** Begin a walk that `answer(query)` answers; `states` are the states that were told. */
  function walking(answer, options) {
    const states = [];
    const fetch = async (url) => answer(new URL(url).searchParams);
    const it = walk("https://a.test/", { fetch, ...options }, (state) => states.push(state));
    return { ...it, states, now: () => states.at(-1) };
  }

  const failed = { ...pageOf(["a", "b"], null), errors: [{ ...FAILURE, index: 1 }] };
  const waitingFor = (part) => pageOf([], "1", [{ part, retry_after: 0.1, progress: 0.5 }]);

  test("is loading while a part is pending", async () => {
    const answers = [pageOf(["a"], "1", [forecast(0.1, 0.5)]), waitingFor("forecast")];
    const { states, now } = walking(() =>
      Response.json(answers.shift() ?? pageOf(["forecast"], null)),
    );
    await vi.waitFor(() => expect(now().loading).toBe(false));
    expect(states[0].pending).toEqual([]);
    const waiting = states.filter(({ pending }) => pending.length);
    expect(waiting.every(({ loading }) => loading)).toBe(true);
    expect(waiting.at(-1)).toMatchObject({
      pending: [{ name: "forecast", progress: 0.5 }],
      parts: [{ name: "a" }],
    });
    expect(now()).toMatchObject({ pending: [], error: null });
    expect(namesOf(now().parts)).toEqual(["a", "forecast"]);
  });

  test("has each pending part of the walk and of a retry once, also for onPending()", async () => {
    let isReady = false;
    const onPending = vi.fn();
    const { retry, states, now } = walking(
      (query) => {
        const only = query.get("parts");
        if (!only && !query.has("cursor")) return Response.json({ ...failed, cursor: "1" });
        if (isReady) return Response.json(pageOf([only ?? "forecast"], null));
        const [pending] = waitingFor(only ?? "forecast").pending;
        return Response.json(pageOf([], "1", only ? [pending] : [pending, { part: "b" }]));
      },
      { onPending },
    );
    await vi.waitFor(() => expect(now()?.pending).toHaveLength(2));
    retry("b");
    await vi.waitFor(() => expect(now().pending.at(-1).progress).toBe(0.5));
    expect(namesOf(now().pending)).toEqual(["forecast", "b"]);
    isReady = true;
    await vi.waitFor(() => expect(now().loading).toBe(false));
    expect(now()).toMatchObject({ pending: [], error: null });
    expect(now().parts.map(({ name, value }) => [name, value])).toEqual([
      ["a", "a"],
      ["b", "b"],
      ["forecast", "forecast"],
    ]);
    const shown = states.map(({ pending }) => pending);
    for (const [pending] of onPending.mock.calls) expect(shown).toContain(pending);
    expect(onPending.mock.lastCall).toEqual([[]]);
  });

  test("that an error ended has no pending part", async () => {
    const answers = [Response.json(waitingFor("forecast"))];
    const { states, now } = walking(() => answers.shift() ?? Response.json({}, { status: 500 }), {
      patience: 0,
    });
    await vi.waitFor(() => expect(now()?.error?.status).toBe(500));
    expect(states.some(({ pending }) => pending.length)).toBe(true);
    expect(now()).toMatchObject({ pending: [], loading: false });
  });

  test("that was stopped tells of no pending part", async () => {
    const onPending = vi.fn();
    let arrive;
    const arrived = new Promise((resolve) => {
      arrive = resolve;
    });
    const { stop, states } = walking(() => arrived, { onPending });
    stop();
    arrive(Response.json(waitingFor("forecast")));
    await arrived;
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    expect(onPending).not.toHaveBeenCalled();
    expect(states).toHaveLength(1);
  });

  test("ends with the error that onPending() throws", async () => {
    const onPending = () => {
      throw new Error("no such bar");
    };
    const { now } = walking(() => Response.json(waitingFor("forecast")), { onPending });
    await vi.waitFor(() => expect(now()?.loading).toBe(false));
    expect(now()).toMatchObject({ error: { message: "no such bar" }, pending: [] });
  });
});
