// Refreshes that bring only what has changed.

import { describe, expect, onTestFinished, test, vi } from "vitest";

import { ProgressiveLoader } from "../loader.js";
import { parts, PartstreamError } from "../partstream.js";
import { remembered } from "../remembered.js";
import { walk } from "../walk.js";
import { all, namesOf } from "./server.js";
import { hurry } from "./streamer.js";
import { tagging, tagOf } from "./tagging.js";
import { brokenStream, busy, lost, passing, stopClock, URL_OF_ALL } from "./troubled.js";

const long = (name) => ({ of: name, text: "x".repeat(1000) });
const fresh = () => ({ a: long("a"), b: [1, 2], c: null, d: long("d") });

const tagsFor = (values, names = Object.keys(values)) =>
  Object.fromEntries(names.map((name) => [name, tagOf(name, values[name])]));

const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);

/** A walk with state that has ended; `latest()` has what was requested since the last call. */
async function stateful(server, options) {
  const states = [];
  const it = walk(URL_OF_ALL, { fetch: server.fetch, ...options }, (state) => states.push(state));
  onTestFinished(() => it.stop());
  const now = () => states.at(-1);
  await vi.waitFor(() => expect(now().loading).toBe(false));
  return { ...it, states, now, ...keepers(server), values: () => valuesOf(now().parts) };
}

/** The same of a loader. */
async function loaded(server, options) {
  const loader = new ProgressiveLoader(URL_OF_ALL, { fetch: server.fetch, ...options });
  await loader.loadAll();
  return {
    refresh: (...names) => loader.refresh(...names),
    ...keepers(server),
    values: () => Object.fromEntries(loader.allData.flatMap(Object.entries)),
  };
}

const valuesOf = (came) => Object.fromEntries(came.map(({ name, value }) => [name, value]));

const keepers = ({ asked }) => ({ latest: () => asked.splice(0) });

/** The same tests for the loader and the state of the hooks, over pages and streams. */
const each = describe.each([
  ["a loader, by pages", loaded, {}],
  ["a loader, by streams", loaded, { stream: true }],
  ["a walk with state, by pages", stateful, {}],
  ["a walk with state, by streams", stateful, { stream: true }],
]);

each("a refresh of %s", (_, make, options) => {
  test("asks for tags, and the next sends them and is sent no value", async () => {
    const values = fresh();
    const it = await make(tagging(values), options);
    const load = it.latest();
    expect(new Set(load.map(({ tags }) => tags))).toEqual(new Set([null]));
    await it.refresh();
    for (const { tags } of it.latest()) expect(tags).toEqual({});
    await it.refresh();
    const second = it.latest();
    for (const { tags } of second) expect(tags).toEqual(tagsFor(values));
    expect(second).toHaveLength(load.length);
    expect(sum(second.map(({ size }) => size))).toBeLessThan(1000);
    expect(it.values()).toEqual(values);
  });

  test("goes past the cache of the browser, and the load does not", async () => {
    const it = await make(tagging(fresh()), options);
    for (const { cache } of it.latest()) expect(cache).toBe(undefined);
    await it.refresh();
    for (const { cache } of it.latest()) expect(cache).toBe("no-store");
  });

  test("keeps each value that has not changed, and replaces the others", async () => {
    const values = fresh();
    const it = await make(tagging(values), options);
    await it.refresh();
    const before = it.values();
    values.b = [1, 2, 3];
    await it.refresh();
    const after = it.values();
    expect(after).toEqual(values);
    for (const name of ["a", "d"]) expect(after[name]).toBe(before[name]);
    values.b = [4];
    values.c = 5;
    await it.refresh();
    expect(it.values()).toEqual(values);
    it.latest();
    await it.refresh();
    expect(it.latest()[0].tags).toEqual(tagsFor(values));
  });

  test("sends no tag of a value that a failure replaced, and gets that value whole", async () => {
    const values = fresh();
    const server = tagging(values);
    const it = await make(server, options);
    await it.refresh();
    server.failing.add("a");
    await it.refresh();
    expect(it.values().a).toBe(null);
    server.failing.clear();
    it.latest();
    await it.refresh();
    expect(it.latest()[0].tags).toEqual(tagsFor(values, ["b", "c", "d"]));
    expect(it.values()).toEqual(values);
    await it.refresh();
    expect(it.latest().at(-1).tags).toEqual(tagsFor(values));
  });

  test("of some parts sends their tags alone", async () => {
    const values = fresh();
    const it = await make(tagging(values), options);
    await it.refresh();
    it.latest();
    await it.refresh("b", "d");
    expect(it.latest()[0].tags).toEqual(tagsFor(values, ["b", "d"]));
    values.b = [3];
    await it.refresh("b");
    expect(it.values()).toEqual(values);
  });

  test("forgets a part that has left the response", async () => {
    const values = fresh();
    const it = await make(tagging(values), options);
    await it.refresh();
    delete values.a;
    await it.refresh();
    it.latest();
    await it.refresh();
    expect(it.latest()[0].tags).toEqual(tagsFor(values));
  });

  test("keeps the value of a part that is pending until it comes", async () => {
    hurry();
    const values = fresh();
    const seen = [];
    const before = () => {
      if (!server.pending.size) return;
      seen.push(it.values().a);
      if (seen.length === 4) server.pending.clear();
    };
    const server = tagging(values, { before });
    const it = await make(server, options);
    await it.refresh();
    const { a } = it.values();
    server.pending.add("a");
    await it.refresh();
    expect(seen).toEqual(Array(4).fill(a));
    expect(seen[3]).toBe(a);
    expect(it.values().a).toBe(a);
    expect(it.values()).toEqual(values);
    server.pending.add("a");
    seen.length = 0;
    values.a = "new";
    await it.refresh();
    expect(seen[3]).toBe(a);
    expect(it.values()).toEqual(values);
  });

  test("is answered in full by a server of an older release, or through a proxy that drops the header", async () => {
    const values = fresh();
    const server = tagging(values);
    const fetch = (url, init) => {
      init.headers.delete("Partstream-Have");
      return server.fetch(url, init);
    };
    const it = await make({ ...server, fetch }, options);
    await it.refresh();
    values.a = "new";
    await it.refresh();
    expect(it.values()).toEqual(values);
  });

  test("after which tags are not told any more sends none of before", async () => {
    const values = fresh();
    const server = tagging(values);
    let isOld = false;
    const fetch = (url, init) => {
      if (isOld) init.headers.delete("Partstream-Have");
      return server.fetch(url, init);
    };
    const it = await make({ ...server, fetch }, options);
    await it.refresh();
    isOld = true;
    values.a = "old";
    await it.refresh();
    isOld = false;
    values.a = fresh().a;
    it.latest();
    await it.refresh();
    expect(it.latest()[0].tags).toEqual({});
    expect(it.values()).toEqual(values);
  });

  test("begins again at a 410 within it, and keeps the values", async () => {
    const values = fresh();
    let isStale = false;
    const before = () => {
      if (!isStale) return undefined;
      isStale = false;
      return new Response('{"code": "cursor_expired"}', { status: 410 });
    };
    const server = tagging(values, { before });
    const broken = async (url, init) => {
      const response = await server.fetch(url, init);
      if (!isArmed || response.status !== 200) return response;
      isArmed = false;
      isStale = true;
      if (!options.stream) return response;
      const [line] = (await response.text()).split(/(?<=\n)/);
      return brokenStream(line);
    };
    let isArmed = false;
    const it = await make({ ...server, fetch: broken }, options);
    await it.refresh();
    const known = it.values();
    values.d = "new";
    isArmed = true;
    it.latest();
    await it.refresh();
    expect(it.latest().map(({ query }) => query.slice(0, 6)).slice(0, 3)).toEqual([
      "",
      "cursor",
      "",
    ]);
    expect(it.values()).toEqual(values);
    expect(it.values().a).toBe(known.a);
  });

  test("sends no tag if `remembered` is null", async () => {
    const it = await make(tagging(fresh()), { ...options, remembered: null });
    await it.refresh();
    await it.refresh();
    expect(new Set(it.latest().map(({ tags }) => tags))).toEqual(new Set([null]));
  });

  test("sends the tags of a load with `remembered`, which asks for them", async () => {
    const values = fresh();
    const it = await make(tagging(values), { ...options, remembered: remembered() });
    for (const { tags } of it.latest()) expect(tags).toEqual({});
    await it.refresh();
    expect(it.latest()[0].tags).toEqual(tagsFor(values));
  });

  test("of many parts has a header below 8 kB, and all their values", async () => {
    const names = Array.from({ length: 500 }, (_, number) => `part_${number}`);
    const values = Object.fromEntries(names.map((name) => [name, { of: name }]));
    const lengths = [];
    const server = tagging(values);
    const fetch = (url, init) => {
      lengths.push(init.headers.get("Partstream-Have")?.length ?? 0);
      return server.fetch(url, init);
    };
    const it = await make({ ...server, fetch }, options);
    await it.refresh();
    const before = it.values();
    values.part_499 = 1;
    await it.refresh();
    expect(Math.max(...lengths)).toBeGreaterThan(5900);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(6000);
    expect(it.values()).toEqual(values);
    // Also a value that was sent again for want of room for its tag.
    for (const name of names.slice(0, 499)) expect(it.values()[name]).toBe(before[name]);
  });

  test.each(["café", 'a="b", c', "100 %", "…/😀", "__proto__", "constructor", "it's (1)*!~"])(
    "keeps the value of a part with the name %s",
    async (name) => {
      const values = Object.fromEntries([
        [name, long("odd")],
        ["other", 1],
      ]);
      const it = await make(tagging(values), options);
      await it.refresh();
      const before = it.values();
      it.latest();
      await it.refresh();
      expect(sum(it.latest().map(({ size }) => size))).toBeLessThan(500);
      expect(it.values()).toEqual(values);
      expect(it.values()[name]).toBe(before[name]);
    },
  );

  test("fails, rather than show null, if the answer is for a client with other values", async () => {
    const values = fresh();
    const server = tagging(values);
    let isMixedUp = false;
    const fetch = (url, init) => {
      const other = Object.entries(tagsFor(values)).map(([name, tag]) => `${name}="${tag}"`);
      if (isMixedUp) init.headers.set("Partstream-Have", other.join());
      return server.fetch(url, init);
    };
    const it = await make({ ...server, fetch }, options);
    isMixedUp = true;
    const error = (await it.refresh().catch((reason) => reason)) ?? it.now().error;
    expect(error).toBeInstanceOf(PartstreamError);
    expect(error.message).toBe("The answer is for a client with other values.");
    expect(it.values()).toEqual(values);
  });
});

test("the tags of a stream are good for the pages behind it, where streams come no more", async () => {
  const values = fresh();
  const server = tagging(values);
  let isHeld = false;
  const fetch = (url, init) => {
    const isStream = init.headers.get("Accept") === "application/jsonl";
    if (isHeld && isStream) return Promise.resolve(new Response("", { status: 406 }));
    return server.fetch(url, init);
  };
  const it = await stateful({ ...server, fetch }, { stream: true });
  await it.refresh();
  const before = it.values();
  isHeld = true;
  it.latest();
  await it.refresh();
  const pages = it.latest();
  expect(pages).toHaveLength(2);
  expect(pages[1].tags).toEqual(tagsFor(values));
  expect(it.values()).toEqual(values);
  expect(it.values().a).toBe(before.a);
});

describe("a renderer that renames keys", () => {
  const values = { today_stats: long("today"), my_orders: [1] };
  const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

  test.each([
    ["a loader", loaded],
    ["a walk with state", stateful],
  ])("is sent the names of its keys by %s", async (_, make) => {
    const it = await make(tagging(values, { spell: camel }));
    await it.refresh();
    const before = it.values();
    it.latest();
    await it.refresh();
    const [{ tags, size }] = it.latest();
    expect(Object.keys(tags)).toEqual(["todayStats", "myOrders"]);
    expect(size).toBeLessThan(500);
    expect(it.values()).toEqual({ todayStats: values.today_stats, myOrders: [1] });
    expect(it.values().todayStats).toBe(before.todayStats);
  });

  test.each([
    ["a loader", loaded],
    ["a walk with state", stateful],
  ])("is sent all tags by %s for a part by its own name", async (_, make) => {
    const it = await make(tagging(values, { spell: camel }));
    await it.refresh();
    it.latest();
    await it.refresh("today_stats");
    expect(it.latest()[0]).toMatchObject({
      query: "parts=today_stats",
      tags: { todayStats: tagOf("today_stats", values.today_stats) },
    });
    expect(it.values().todayStats).toEqual(values.today_stats);
  });
});

describe("a walk with state", () => {
  test("tells nothing of a refresh in which nothing has changed", async () => {
    const server = tagging(fresh());
    for (const options of [{}, { stream: true }]) {
      const it = await stateful(server, options);
      await it.refresh();
      const before = it.states.length;
      await it.refresh();
      await it.refresh("a");
      expect(it.states).toHaveLength(before);
    }
  });

  test("tells the parts that have changed, and leaves the others the objects that they were", async () => {
    const values = fresh();
    const it = await stateful(tagging(values));
    await it.refresh();
    const [a, , , d] = it.now().parts;
    const before = it.states.length;
    values.b = 7;
    await it.refresh();
    expect(it.states).toHaveLength(before + 1);
    expect(it.now().parts[0]).toBe(a);
    expect(it.now().parts[3]).toBe(d);
  });

  test("sends after an aborted refresh the tags of what it has", async () => {
    const values = fresh();
    const controller = new AbortController();
    let isCut = false;
    const before = (number) => {
      if (!isCut || number !== 1) return;
      controller.abort();
      throw controller.signal.reason;
    };
    const server = tagging(values, { before });
    const it = await stateful(server);
    await it.refresh();
    const old = { ...values };
    Object.assign(values, { a: "new", d: "new" });
    it.latest();
    isCut = true;
    await it.refresh([], {}); // asks for nothing
    await it.refresh(["a", "b", "c", "d"], { signal: controller.signal });
    expect(it.values()).toEqual({ ...old, a: "new" });
    isCut = false;
    it.latest();
    await it.refresh();
    expect(it.latest()[0].tags).toEqual(tagsFor({ ...old, a: "new" }));
    expect(it.values()).toEqual(values);
  });

  test("keeps what a later refresh brought, though an earlier answer says that it has not changed", async () => {
    const values = fresh();
    const server = tagging(values);
    let free = null;
    const fetch = async (url, init) => {
      const response = await server.fetch(url, init);
      if (free === undefined) await new Promise((resolve) => (free = resolve));
      return response;
    };
    const it = await stateful({ ...server, fetch });
    await it.refresh();
    free = undefined;
    const late = it.refresh();
    await vi.waitFor(() => expect(free).toBeTypeOf("function"));
    values.a = "new";
    await it.refresh("a");
    free();
    await late;
    expect(it.values()).toEqual(values);
    it.latest();
    await it.refresh();
    expect(it.latest()[0].tags).toEqual(tagsFor(values));
  });

  test("knows nothing of what another has", async () => {
    const server = tagging(fresh());
    const one = await stateful(server);
    await one.refresh();
    const other = await stateful(server);
    server.asked.length = 0;
    await other.refresh();
    expect(other.latest()[0].tags).toEqual({});
    expect(other.values()).toEqual(one.values());
    for (const name of ["a", "d"]) expect(other.values()[name]).not.toBe(one.values()[name]);
  });

  test("polls at the cost of the names and tags", async () => {
    stopClock();
    const values = fresh();
    const server = tagging(values);
    const states = [];
    const it = walk(URL_OF_ALL, { fetch: server.fetch, every: 10 }, (now) => states.push(now));
    onTestFinished(() => it.stop());
    await passing(11);
    server.asked.length = 0;
    const told = states.length;
    await passing(30);
    expect(server.asked).toHaveLength(6);
    expect(Math.max(...server.asked.map(({ size }) => size))).toBeLessThan(500);
    expect(states).toHaveLength(told);
    expect(valuesOf(states.at(-1).parts)).toEqual(values);
    values.c = "new";
    await passing(10);
    expect(valuesOf(states.at(-1).parts)).toEqual(values);
  });

  test("has the value of a part that is mended by a retry, and asks for its tag later", async () => {
    const values = fresh();
    const server = tagging(values);
    server.failing.add("a");
    const it = await stateful(server);
    await it.refresh();
    server.failing.clear();
    it.latest();
    await it.retry();
    expect(it.latest()).toMatchObject([{ query: "parts=a", tags: null }]);
    await it.refresh();
    expect(it.latest()[0].tags).toEqual(tagsFor(values, ["b", "c", "d"]));
    expect(it.values()).toEqual(values);
  });

  test("waits for trouble in a refresh, and keeps the values", async () => {
    hurry();
    const values = fresh();
    let troubles = [];
    const server = tagging(values, {
      before: () => {
        const trouble = troubles.shift();
        if (trouble instanceof Error) throw trouble;
        return trouble;
      },
    });
    const it = await stateful(server);
    await it.refresh();
    const before = it.values();
    troubles = [lost(), busy(503), undefined, lost()];
    await it.refresh();
    expect(it.now()).toMatchObject({ error: null, waiting: false });
    expect(it.values().a).toBe(before.a);
    expect(it.values()).toEqual(values);
  });
});

describe("tags to another origin", () => {
  const from = (origin) => {
    vi.stubGlobal("origin", origin);
    onTestFinished(() => vi.unstubAllGlobals());
  };

  const makes = [
    ["a loader", loaded],
    ["a walk with state", stateful],
  ];

  test.each(makes)("are not sent by a refresh of %s, which the header could forbid", async (_, make) => {
    from("https://b.test");
    const it = await make(tagging(fresh()));
    await it.refresh();
    for (const { tags, cache } of it.latest()) expect([tags, cache]).toEqual([null, undefined]);
  });

  test.each(makes)("are sent by a refresh of %s if `remembered` is given", async (_, make) => {
    from("https://b.test");
    const values = fresh();
    const it = await make(tagging(values), { remembered: remembered() });
    await it.refresh();
    expect(it.latest().at(-1).tags).toEqual(tagsFor(values));
  });

  test.each(makes)("are not those that %s sends to its own", async (_, make) => {
    from("https://a.test");
    const it = await make(tagging(fresh()));
    await it.refresh();
    expect(it.latest().at(-1).tags).toEqual({});
  });
});

describe("parts(url, { remembered })", () => {
  const get = (server, known, options) =>
    all(parts(URL_OF_ALL, { fetch: server.fetch, remembered: known, ...options }));

  test.each([{}, { stream: true }, { first: ["c"] }, { first: "d", stream: true }])(
    "gives the same values again with %j",
    async (options) => {
      const values = fresh();
      const server = tagging(values);
      const came = await get(server, remembered(), options);
      expect(valuesOf(came)).toEqual(values);
      expect(came[0].etag).toBe(tagOf(came[0].name, values[came[0].name]));
      server.asked.length = 0;
      const again = await get(server, remembered(came), options);
      expect(again).toEqual(came);
      for (const [place, { value }] of again.entries()) expect(value).toBe(came[place].value);
      expect(sum(server.asked.map(({ size }) => size))).toBeLessThan(1000);
    },
  );

  test("takes parts that were written to a store and read again", async () => {
    const values = fresh();
    const server = tagging(values);
    const came = await get(server, remembered());
    const kept = JSON.parse(JSON.stringify(came));
    server.asked.length = 0;
    expect(await get(server, remembered(new Set(kept)))).toEqual(came);
    expect(server.asked[0].tags).toEqual(tagsFor(values));
  });

  test("passes over parts without tags, and takes the last of a name", async () => {
    const values = fresh();
    const server = tagging(values);
    const old = { name: "a", value: "old", error: null, etag: tagOf("a", "old") };
    const failed = { name: "b", value: null, error: {} };
    const [a] = await get(server, remembered(), { only: "a" });
    server.asked.length = 0;
    const came = await get(server, remembered([old, failed, a].values()));
    expect(server.asked[0].tags).toEqual(tagsFor(values, ["a"]));
    expect(came[0].value).toBe(a.value);
    expect(valuesOf(came)).toEqual(values);
  });

  test("gives no tag without it", async () => {
    const [part] = await get(tagging(fresh()), undefined);
    expect(Object.keys(part)).toEqual(["name", "value", "error", "total"]);
    expect(namesOf(await get(tagging(fresh()), null))).toEqual(["a", "b", "c", "d"]);
  });

  test("is no option of fetch()", async () => {
    const given = [];
    const server = tagging(fresh());
    const fetch = (url, init) => {
      given.push(Object.keys(init).sort());
      return server.fetch(url, init);
    };
    await get({ fetch }, remembered(), { mode: "cors", cache: "force-cache" });
    expect(given[0]).toEqual(["cache", "headers", "mode"]);
    expect(server.asked[0].cache).toBe("no-store");
  });

  test("keeps a header of the caller, also where it is an object of theirs", async () => {
    const server = tagging(fresh());
    const headers = new Headers({ Accept: "application/json" });
    await get(server, remembered(), { headers });
    expect([...headers.keys()]).toEqual(["accept"]);
    expect(server.asked[0].tags).toEqual({});
  });
});
