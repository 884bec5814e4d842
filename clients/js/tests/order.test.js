// Parts in the order people look, and parts that are asked for again.

import { describe, expect, onTestFinished, test, vi } from "vitest";

import { ProgressiveLoader } from "../loader.js";
import { parts } from "../partstream.js";
import { poll } from "../polling.js";
import { walk } from "../walk.js";
import { all, control, DASHBOARD, NAMES, namesOf, noting, STAFF } from "./server.js";
import { FAILURE, hurry, pageOf, PARTS } from "./streamer.js";
import { busy, lost, passing, stopClock, troubled, URL_OF_ALL } from "./troubled.js";

const failing = (name, more) => ({
  ...pageOf([name], null),
  results: [{ [name]: null }],
  errors: [{ ...FAILURE, part: name, index: 0, ...more }],
});

/** Values that count the requests for each part. */
function counting(change = () => undefined) {
  const counts = {};
  return troubled((number, at, what) => {
    const changed = change(number, at, what);
    if (changed) return changed;
    const [, cursor, chosen] = /^\w+ (\w+)(?: of ([\w,]+))?$/.exec(what);
    const names = chosen?.split(",") ?? PARTS;
    const left = names.slice(names.indexOf(cursor) + 1);
    counts[left[0]] = (counts[left[0]] ?? 0) + 1;
    const meta = { total_parts: names.length };
    const results = [{ [left[0]]: counts[left[0]] }];
    return Response.json({ results, cursor: left.length > 1 ? left[0] : null, meta });
  });
}

describe("parts(url, { first })", () => {
  test.each([
    ["c", ["c", "a", "b", "d"]],
    [
      ["d", "b"],
      ["d", "b", "a", "c"],
    ],
    [PARTS, PARTS],
    [[], PARTS],
    [null, PARTS],
  ])("%j come first, and then the others, each part once", async (first, names) => {
    const { fetch, asked } = troubled();
    expect(namesOf(await all(parts(URL_OF_ALL, { fetch, first })))).toEqual(names);
    const walk = ["page start", "page a", "page b", "page c"];
    const chosen = [first ?? []].flat();
    expect(asked).toHaveLength(chosen.length + 4);
    expect(asked.slice(chosen.length)).toEqual(walk);
    if (chosen.length) expect(asked[0]).toBe(`page start of ${chosen}`);
  });

  test("have no total, as the number of all parts is not known yet", async () => {
    const { fetch } = counting();
    const came = await all(parts(URL_OF_ALL, { fetch, first: ["c", "d"] }));
    expect(came.map(({ name, total }) => [name, total])).toEqual([
      ["c", null],
      ["d", null],
      ["a", 4],
      ["b", 4],
    ]);
  });

  test("come in the order of the shop's response among themselves", async () => {
    const fetch = noting();
    const first = ["sales_analytics", "today_stats"];
    const came = namesOf(await all(parts(DASHBOARD, { ...STAFF, fetch, first })));
    expect(came.slice(0, 2)).toEqual(["today_stats", "sales_analytics"]);
    expect(came.toSorted()).toEqual(NAMES.toSorted());
    expect(fetch.asked[0]).toMatch(/^\?parts=sales_analytics%2Ctoday_stats$/);
    expect(fetch.asked).toHaveLength(4);
  });

  test("come in pages, and the others in a stream", async () => {
    const { fetch, asked } = troubled();
    const walk = all(parts(URL_OF_ALL, { fetch, first: "b", stream: true }));
    expect(namesOf(await walk)).toEqual(["b", "a", "c", "d"]);
    expect(asked).toEqual(["page start of b", "stream start"]);
  });

  test("are left to the walk if they failed and may succeed", async () => {
    const { fetch } = troubled((number) => (number ? undefined : Response.json(failing("c"))));
    const came = await all(parts(URL_OF_ALL, { fetch, first: "c" }));
    expect(came.map(({ name, error }) => [name, error])).toEqual(PARTS.map((name) => [name, null]));
  });

  test("that fail in the walk too come once, with their error", async () => {
    const { fetch } = troubled((_, __, what) =>
      ["page start of c", "page b"].includes(what)
        ? Response.json({ ...failing("c"), cursor: what === "page b" ? "c" : null })
        : undefined,
    );
    const came = await all(parts(URL_OF_ALL, { fetch, first: "c" }));
    expect(namesOf(came)).toEqual(PARTS);
    expect(came[2].error.code).toBe("part_failed");
  });

  test("come with their error if it is final", async () => {
    const { fetch } = troubled((number) =>
      number ? undefined : Response.json(failing("c", { retryable: false })),
    );
    const came = await all(parts(URL_OF_ALL, { fetch, first: "c" }));
    expect(namesOf(came)).toEqual(["c", "a", "b", "d"]);
    expect(came[0].error.retryable).toBe(false);
  });

  test("do not hold up the others while they are pending", async () => {
    const pending = [{ part: "c", retry_after: 9, progress: 0.5 }];
    const { fetch, asked } = troubled((number) =>
      number ? undefined : Response.json(pageOf([], "waiting", pending)),
    );
    const waits = hurry();
    const onPending = vi.fn();
    const came = await all(parts(URL_OF_ALL, { fetch, first: "c", onPending }));
    expect(namesOf(came)).toEqual(PARTS);
    expect(waits).toEqual([]);
    expect(asked.slice(0, 2)).toEqual(["page start of c", "page start"]);
    expect(onPending.mock.calls).toEqual([[[{ name: "c", progress: 0.5 }]], [[]]]);
  });

  test("come in their places if the server refuses the request for them", async () => {
    const came = await all(parts(DASHBOARD, { ...STAFF, first: ["nothing"] }));
    expect(namesOf(came)).toEqual(NAMES);
  });

  test.each([401, 403, 404])(
    "end the walk with a %i, as it would end by itself",
    async (status) => {
      const { fetch, asked } = troubled(() => busy(status));
      const walk = all(parts(URL_OF_ALL, { fetch, first: "c" }));
      await expect(walk).rejects.toMatchObject({ status });
      expect(asked).toHaveLength(1);
    },
  );

  test("are waited for while there is trouble", async () => {
    hurry();
    const { fetch } = troubled((number) => (number % 2 ? undefined : lost()));
    const came = await all(parts(URL_OF_ALL, { fetch, first: ["d", "c"] }));
    expect(namesOf(came)).toEqual(["d", "c", "a", "b"]);
  });

  test("are not asked for where only some parts are wanted", async () => {
    const { fetch, asked } = troubled();
    const came = await all(parts(URL_OF_ALL, { fetch, first: "c", only: ["a", "d"] }));
    expect(namesOf(came)).toEqual(["a", "d"]);
    expect(asked[0]).toBe("page start of a,d");
  });

  test("are no option of fetch()", async () => {
    const given = [];
    const fetch = async (_, init) => {
      given.push(Object.keys(init));
      return Response.json(pageOf(["a"], null));
    };
    await all(parts(URL_OF_ALL, { fetch, first: "a", mode: "cors" }));
    expect(given).toEqual(Array(2).fill(["mode", "headers"]));
  });

  test("that are a proxy's page over and over end the walk", async () => {
    const { fetch } = troubled(() => Response.json({ ...failing("a"), cursor: "again" }));
    const walk = all(parts(URL_OF_ALL, { fetch, first: "c" }));
    await expect(walk).rejects.toThrow("The same parts come again and again.");
  });
});

describe("ProgressiveLoader", () => {
  test("reports the parts of `first` before the others", async () => {
    const { fetch } = troubled();
    const reports = [];
    const loader = new ProgressiveLoader(URL_OF_ALL, { fetch, first: "d" });
    await loader.loadAll(({ results, totalLoaded, hasMore }) =>
      reports.push([...results.flatMap(Object.keys), totalLoaded, hasMore]),
    );
    expect(reports).toEqual([
      ["d", 1, true],
      ["a", 2, true],
      ["b", 3, true],
      ["c", 4, true],
      [4, false],
    ]);
  });

  test("refreshes all parts in their places, from the start", async () => {
    const { fetch, asked } = counting();
    const loader = new ProgressiveLoader(URL_OF_ALL, { fetch, first: "d" });
    await loader.loadAll();
    asked.length = 0;
    expect(await loader.refresh()).toBe(loader.allData);
    expect(loader.allData).toEqual([{ d: 3 }, { a: 2 }, { b: 2 }, { c: 2 }]);
    expect(asked).toEqual(["page start", "page a", "page b", "page c"]);
  });

  test("refreshes some parts in their places", async () => {
    const { fetch, asked } = counting();
    const loader = new ProgressiveLoader(URL_OF_ALL, { fetch });
    await loader.loadAll();
    asked.length = 0;
    await loader.refresh("b", "c");
    expect(loader.allData).toEqual([{ a: 1 }, { b: 2 }, { c: 2 }, { d: 1 }]);
    expect(asked).toEqual(["page start of b,c", "page b of b,c"]);
  });

  test("refreshes the parts that it was made for", async () => {
    const { fetch, asked } = counting();
    const loader = new ProgressiveLoader(URL_OF_ALL, { fetch, only: ["b"] });
    await loader.loadAll();
    await loader.refresh();
    expect(loader.allData).toEqual([{ b: 2 }]);
    expect(asked).toEqual(["page start of b", "page start of b"]);
  });

  test("drops, in a refresh of all, a part that the response has no more, with its error", async () => {
    const errors = [{ ...FAILURE, index: 1 }];
    const pages = [{ ...pageOf(["a", "b"], null), errors }, pageOf(["a"], null)];
    const { fetch } = troubled((number) => Response.json(pages[Math.min(number, 1)]));
    const loader = new ProgressiveLoader(URL_OF_ALL, { fetch });
    await loader.loadAll();
    expect(loader.errors).toHaveLength(1);
    await loader.refresh("a");
    expect(loader.allData).toHaveLength(2);
    expect(await loader.refresh()).toEqual([{ a: "a" }]);
    expect(loader.errors).toEqual([]);
  });

  test("has the error of a part that fails in a refresh, and no more of one that is mended", async () => {
    const failed = { ...pageOf(["a", "b"], null), errors: [{ ...FAILURE, index: 1 }] };
    let isBroken = false;
    const { fetch } = troubled(() => Response.json(isBroken ? failed : pageOf(["a", "b"], null)));
    const loader = new ProgressiveLoader(URL_OF_ALL, { fetch });
    await loader.loadAll();
    isBroken = true;
    await loader.refresh();
    expect(loader.errors.map(({ part }) => part)).toEqual(["b"]);
    isBroken = false;
    await loader.refresh();
    expect(loader.errors).toEqual([]);
  });
});

function stateful(server, options) {
  const states = [];
  const it = walk(URL_OF_ALL, { fetch: server.fetch, ...options }, (state) => states.push(state));
  onTestFinished(() => it.stop());
  const now = () => states.at(-1);
  return {
    ...it,
    states,
    now,
    values: () => now().parts.map(({ name, value }) => `${name} ${value}`),
  };
}

const loaded = (it) => vi.waitFor(() => expect(it.now()?.loading).toBe(false));

describe("refresh() of a walk with state", () => {
  test("replaces all parts in their places, and leaves everything else as it was", async () => {
    const server = counting();
    const it = stateful(server, { first: "c" });
    await loaded(it);
    const before = it.states.length;
    await it.refresh();
    expect(it.values()).toEqual(["c 3", "a 2", "b 2", "d 2"]);
    expect(server.asked.slice(5)).toEqual(["page start", "page a", "page b", "page c"]);
    for (const { parts, ...state } of it.states.slice(before - 1)) {
      expect(namesOf(parts)).toEqual(["c", "a", "b", "d"]);
      expect(state).toEqual({ loading: false, waiting: false, pending: [], total: 4, error: null });
    }
  });

  test.each([
    ["one by one", ["b", "d"]],
    ["in an array", [["b", "d"]]],
  ])("replaces parts that are named %s", async (_, given) => {
    const server = counting();
    const it = stateful(server);
    await loaded(it);
    await it.refresh(...given);
    expect(it.values()).toEqual(["a 1", "b 2", "c 1", "d 2"]);
    expect(it.now().total).toBe(4);
    expect(server.asked.slice(4)).toEqual(["page start of b,d", "page b of b,d"]);
  });

  test("asks for nothing by an empty array", async () => {
    const server = counting();
    const it = stateful(server);
    await loaded(it);
    await it.refresh([]);
    expect(server.asked).toHaveLength(4);
  });

  test("asks for the parts that the walk is for", async () => {
    const server = counting();
    const it = stateful(server, { only: ["a", "b"] });
    await loaded(it);
    await it.refresh();
    expect(it.values()).toEqual(["a 2", "b 2"]);
    expect(it.now().total).toBe(2);
  });

  test("drops a part that the response has no more, and tells the new total", async () => {
    const pages = [pageOf(["a", "b"], null), pageOf(["b", "c"], null)];
    pages[1].meta = { total_parts: 2 };
    const it = stateful(troubled((number) => Response.json(pages[Math.min(number, 1)])));
    await loaded(it);
    await it.refresh(["b"]);
    expect(namesOf(it.now().parts)).toEqual(["a", "b", "c"]);
    await it.refresh();
    expect(namesOf(it.now().parts)).toEqual(["b", "c"]);
    expect(it.now().total).toBe(2);
  });

  test("by a stream keeps the total until it has ended", async () => {
    const it = stateful(troubled(), { stream: true });
    await loaded(it);
    const before = it.states.length;
    await it.refresh();
    expect(it.states.slice(before).map(({ total }) => total)).toEqual(
      Array(it.states.length - before).fill(4),
    );
  });

  test("shows the error of a part that fails, and takes it away when the part succeeds", async () => {
    let isBroken = false;
    const it = stateful(
      troubled((_, __, what) => isBroken && what.endsWith("of b") && Response.json(failing("b"))),
    );
    await loaded(it);
    isBroken = true;
    await it.refresh("b");
    expect(it.now().parts[1].error.code).toBe("part_failed");
    isBroken = false;
    await it.refresh("b");
    expect(it.now().parts[1]).toEqual({ name: "b", value: "b", error: null });
  });

  test("tells the error that ended it, keeps the parts, and clears it when it succeeds", async () => {
    let isBroken = false;
    const it = stateful(troubled(() => (isBroken ? busy(403) : undefined)));
    await loaded(it);
    isBroken = true;
    await it.refresh();
    expect(it.now()).toMatchObject({ error: { status: 403 }, loading: false });
    expect(namesOf(it.now().parts)).toEqual(PARTS);
    isBroken = false;
    await it.refresh();
    expect(it.now().error).toBe(null);
  });

  test("mends a walk that an error ended", async () => {
    let isBroken = true;
    const it = stateful(troubled((number) => (isBroken && number ? busy(403) : undefined)));
    await loaded(it);
    expect(it.now()).toMatchObject({ error: { status: 403 }, parts: [{ name: "a" }] });
    isBroken = false;
    await it.refresh();
    expect(namesOf(it.now().parts)).toEqual(PARTS);
    expect(it.now().error).toBe(null);
    await it.retry("a");
    expect(it.now().error).toBe(null);
  });

  test("ends when its own signal aborts, and says nothing", async () => {
    stopClock();
    const it = stateful(troubled((number) => (number > 3 ? lost() : undefined)));
    await passing(0.1);
    const before = it.now();
    const controller = new AbortController();
    it.refresh([], { signal: controller.signal });
    const refreshed = it.refresh(["a"], { signal: controller.signal });
    await passing(1);
    expect(it.now()).toMatchObject({ waiting: true, loading: false });
    controller.abort();
    await refreshed;
    expect(it.now()).toEqual(before);
  });

  test("brings a part sooner than the walk, which then leaves it", async () => {
    const gates = {};
    const held = (name) => new Promise((resolve) => (gates[name] = resolve));
    const server = counting();
    const fetch = async (url, init) => {
      const response = await server.fetch(url, init);
      if (new URL(url).searchParams.get("cursor") === "b") await held("walk");
      return response;
    };
    const it = stateful({ fetch });
    await vi.waitFor(() => expect(gates.walk).toBeTypeOf("function"));
    await it.refresh("c");
    expect(it.values()).toEqual(["a 1", "b 1", "c 2"]);
    expect(it.now().loading).toBe(true);
    gates.walk();
    await loaded(it);
    expect(it.values()).toEqual(["a 1", "b 1", "c 2", "d 1"]);
    expect(it.now().total).toBe(4);
  });

  test("that is late does not undo a later one", async () => {
    let free;
    const server = counting();
    let isHeld = false;
    const fetch = async (url, init) => {
      const response = await server.fetch(url, init);
      if (isHeld) {
        isHeld = false;
        await new Promise((resolve) => (free = resolve));
      }
      return response;
    };
    const it = stateful({ fetch });
    await loaded(it);
    isHeld = true;
    const late = it.refresh("a");
    await vi.waitFor(() => expect(free).toBeTypeOf("function"));
    await it.refresh("a");
    expect(it.values()[0]).toBe("a 3");
    free();
    await late;
    expect(it.values()[0]).toBe("a 3");
  });
});

/** A document whose tab is hidden or visible as told. */
function tab() {
  const document = Object.assign(new EventTarget(), { hidden: false });
  vi.stubGlobal("document", document);
  onTestFinished(() => vi.unstubAllGlobals());
  return (hidden) => {
    document.hidden = hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  };
}

describe("a walk with `every`", () => {
  /** The seconds at which the walk, and then each refresh, began. */
  const begun = ({ asked, times }) =>
    times
      .filter((_, number) => asked[number] === "page start")
      .map((time) => Math.round(time / 1000));

  test("refreshes again and again until it is stopped", async () => {
    stopClock();
    const server = counting();
    const it = stateful(server, { every: 10 });
    await passing(35);
    expect(begun(server)).toEqual([0, 10, 20, 30]);
    expect(it.values()).toEqual(PARTS.map((name) => `${name} 4`));
    expect(it.states.filter(({ loading }) => !loading).length).toBeGreaterThan(4);
    const timers = vi.getTimerCount(); // one of them may be of fetch() in Node.js
    it.stop();
    expect(vi.getTimerCount()).toBe(timers - 1);
    await passing(35);
    expect(begun(server)).toHaveLength(4);
  });

  test.each([undefined, null, 0, -1, NaN])("%s never refreshes", async (every) => {
    stopClock();
    const server = counting();
    stateful(server, { every });
    await passing(60);
    expect(begun(server)).toEqual([0]);
  });

  test("rests while the tab is hidden, and refreshes at once when it becomes visible", async () => {
    stopClock();
    const hide = tab();
    const server = counting();
    stateful(server, { every: 10 });
    await passing(12);
    hide(true);
    await passing(60);
    expect(begun(server)).toEqual([0, 10]);
    hide(false);
    await passing(0.1);
    expect(begun(server)).toEqual([0, 10, 72]);
    await passing(10.1);
    expect(begun(server)).toEqual([0, 10, 72, 82]);
  });

  test("in a tab that is hidden from the start waits for it to become visible", async () => {
    stopClock();
    const hide = tab();
    hide(true);
    const server = counting();
    stateful(server, { every: 10 });
    await passing(30);
    expect(begun(server)).toEqual([0]);
    hide(false);
    await passing(1);
    expect(begun(server)).toEqual([0, 30]);
  });

  test("never has two refreshes at a time, however slow they are", async () => {
    stopClock();
    const hide = tab();
    let running = 0;
    let most = 0;
    const refresh = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 25_000));
      running -= 1;
    };
    const controller = new AbortController();
    poll(10, refresh, controller.signal);
    for (const hidden of [true, false, true, false]) {
      await passing(8);
      hide(hidden);
    }
    await passing(60);
    expect([most, running]).toEqual([1, expect.any(Number)]);
    controller.abort();
  });

  test("goes on after an error, which the next refresh clears", async () => {
    stopClock();
    const server = counting((_, at) => (at > 5000 && at < 15_000 ? busy(403) : undefined));
    const it = stateful(server, { every: 10 });
    await passing(12);
    expect(it.now()).toMatchObject({ error: { status: 403 }, loading: false });
    await passing(10);
    expect(it.now().error).toBe(null);
    expect(begun(server)).toEqual([0, 10, 20]);
  });

  test("leaves no timer and no listener when the signal of the caller aborts", async () => {
    stopClock();
    const hide = tab();
    const controller = new AbortController();
    const server = counting();
    stateful(server, { every: 10, signal: controller.signal });
    await passing(1);
    const timers = vi.getTimerCount(); // one of them may be of fetch() in Node.js
    controller.abort();
    expect(vi.getTimerCount()).toBe(timers - 1);
    hide(false);
    await passing(30);
    expect(begun(server)).toEqual([0]);
  });
});

test("first, a failed part and its refresh work against the shop", async () => {
  await control("fail", { part: "today_stats" });
  const loader = new ProgressiveLoader(DASHBOARD, { ...STAFF, first: "inventory_alerts" });
  await loader.loadAll();
  expect(Object.keys(loader.allData[0])).toEqual(["inventory_alerts"]);
  expect(loader.errors.map(({ part }) => part)).toEqual(["today_stats"]);
  await control("reset");
  await loader.refresh("today_stats");
  expect(loader.errors).toEqual([]);
  await loader.refresh();
  expect(loader.allData.flatMap(Object.keys).toSorted()).toEqual(NAMES.toSorted());
});
