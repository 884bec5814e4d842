// The example shop: its streams, the same parts when they run together, and refreshes.

import { describe, expect, test, vi } from "vitest";

import { ProgressiveLoader } from "../loader.js";
import { parts } from "../partstream.js";
import {
  all,
  CAMEL,
  control,
  DASHBOARD,
  FORECAST,
  NAMED,
  NAMES,
  namesOf,
  noting,
  STAFF,
  TOGETHER,
} from "./server.js";
import { until } from "./streamer.js";

const streamed = (url, options) => parts(url, { stream: true, ...STAFF, ...options });

/** A `fetch()` whose streams break behind as many parts as `limits` has for them, in turn. */
function cutting(...limits) {
  const asked = [];
  async function cut(url, init) {
    const isStream = init.headers.get("Accept") === "application/jsonl";
    const cursor = new URL(url).searchParams.has("cursor") ? "cursor" : "start";
    asked.push(`${isStream ? "stream" : "page"} ${cursor}`);
    const response = await fetch(url, init);
    const limit = limits.shift();
    if (!isStream || limit === undefined || response.status !== 200) return response;
    return new Response(response.body.pipeThrough(breaking(limit)), response);
  }
  return Object.assign(cut, { asked });
}

/** Pass `limit` lines on and break within the next. */
function breaking(limit) {
  let left = limit;
  return new TransformStream({
    transform(chunk, controller) {
      const lines = new TextDecoder().decode(chunk).split(/(?<=\n)/);
      const passed = lines.slice(0, left).join("") + (lines[left] ?? "").slice(0, 20);
      controller.enqueue(new TextEncoder().encode(passed));
      left -= lines.filter((line) => line.endsWith("\n")).length;
      if (left < 0) controller.error(new TypeError("terminated"));
    },
  });
}

describe("a stream of the shop", () => {
  test("gives every part once, from one request", async () => {
    const fetch = noting();
    const came = await all(streamed(DASHBOARD, { fetch }));
    expect(namesOf(came)).toEqual(NAMES);
    expect(came.map(({ error }) => error)).toEqual(Array(6).fill(null));
    expect(came[0].value.store_name).toBe("Corner Shop");
    expect(fetch.asked).toEqual([""]);
  });

  test("has the values of its pages", async () => {
    const withoutTime = (came) =>
      came.map(({ name, value }) => [name, { ...value, timestamp: undefined }]);
    const pages = await all(parts(DASHBOARD, STAFF));
    expect(withoutTime(await all(streamed(DASHBOARD)))).toEqual(withoutTime(pages));
  });

  test("gives a part while the next is still being computed", async () => {
    await control("hold", { part: "today_stats" });
    const walk = streamed(DASHBOARD);
    expect((await walk.next()).value.name).toBe("overview");
    const second = walk.next();
    await control("release");
    expect((await second).value.name).toBe("today_stats");
    await all(walk);
  });

  test("has a failed part with its error, which a request for that part mends", async () => {
    await control("fail", { part: "sales_analytics" });
    const came = await all(streamed(DASHBOARD));
    expect(namesOf(came)).toEqual(NAMES);
    expect(came[4]).toMatchObject({
      value: null,
      error: { part: "sales_analytics", code: "part_failed", retryable: true },
    });
    await control("reset");
    const [again, ...more] = await all(streamed(DASHBOARD, { only: "sales_analytics" }));
    expect(again).toMatchObject({ name: "sales_analytics", error: null });
    expect(more).toEqual([]);
  });

  test.each([0, 1, 2, 3, 4, 5, 6])("that breaks behind %i parts goes on there", async (limit) => {
    const fetch = cutting(limit);
    expect(namesOf(await all(streamed(DASHBOARD, { fetch })))).toEqual(NAMES);
    expect(fetch.asked).toEqual(["stream start", limit ? "stream cursor" : "stream start"]);
  });

  test("that breaks twice without a part goes on as pages", async () => {
    const fetch = cutting(3, 0);
    expect(namesOf(await all(streamed(DASHBOARD, { fetch })))).toEqual(NAMES);
    expect(fetch.asked).toEqual(["stream start", "stream cursor", "page cursor", "page cursor"]);
  });

  test("that cannot go on because its part is gone starts again", async () => {
    const cut = cutting(2);
    const fetch = async (url, init) => {
      if (cut.asked.length === 1) await control("leave_out", { part: "today_stats" });
      return cut(url, init);
    };
    expect(namesOf(await all(streamed(DASHBOARD, { fetch })))).toEqual(NAMES);
    expect(cut.asked).toEqual(["stream start", "stream cursor", "stream start"]);
  });

  test("that a visitor may not have is refused at once", async () => {
    const fetch = noting();
    const walk = all(parts(DASHBOARD, { stream: true, fetch }));
    await expect(walk).rejects.toMatchObject({ status: 403 });
    expect(fetch.asked).toEqual([""]);
  });
});

describe("a stream of parts that run together", () => {
  test.each([
    ["as a stream", [3]],
    ["as pages", [3, 0]],
  ])("owes the part that the others overtook, and goes on %s", async (_, limits) => {
    await control("hold", { part: "overview" });
    const fetch = cutting(...limits);
    const came = [];
    let isReleased = false;
    for await (const { name } of streamed(TOGETHER, { fetch })) {
      came.push(name);
      if (came.length < 3 || isReleased) continue;
      isReleased = true;
      await control("release");
    }
    expect(came.slice(0, 3)).not.toContain("overview");
    expect(came.toSorted()).toEqual(NAMES.toSorted());
    expect(fetch.asked[1]).toBe("stream cursor");
    expect(fetch.asked[2]).toBe(limits.length > 1 ? "page cursor" : undefined);
  });

  test("gives all others while a part is still being computed", async () => {
    await control("hold", { part: "overview" });
    const came = [];
    const walk = all((async function* () {
      for await (const { name } of streamed(TOGETHER)) yield came.push(name);
    })());
    await until(() => came.length === 5);
    expect(came).not.toContain("overview");
    await control("release");
    await walk;
    expect(came[5]).toBe("overview");
  });
});

describe("a part that is computed elsewhere", () => {
  test.each([
    ["pages", false],
    ["a stream", true],
  ])("comes once in %s, behind the others, and tells its progress meanwhile", async (_, stream) => {
    await control("busy");
    const fetch = noting();
    const onPending = vi.fn();
    const came = [];
    const walk = (async () => {
      const url = `${FORECAST}?key=${stream}`;
      for await (const { name, value } of parts(url, { stream, fetch, onPending })) {
        came.push([name, value]);
      }
    })();
    const told = [[{ name: "forecast", progress: 0.5 }]];
    await vi.waitFor(() => expect(onPending.mock.lastCall).toEqual(told), { timeout: 10_000 });
    await vi.waitFor(() => expect(came).toHaveLength(2), { timeout: 10_000 });
    await control("release");
    await walk;
    expect(came).toEqual([
      ["first", "first"],
      ["last", "last"],
      ["forecast", `forecast ${stream}`],
    ]);
    expect(onPending.mock.lastCall).toEqual([[]]);
    expect(onPending.mock.calls.filter(([pending]) => pending.length === 0)).toHaveLength(1);
    expect(fetch.asked.length).toBeLessThan(stream ? 2 : 10);
  });
});

describe.each([
  ["pages", {}],
  ["a stream", { stream: true }],
])("a refresh over %s", (_, options) => {
  /** A loader that has loaded all parts, and refreshed them; `refresh()` gives the bytes it moved. */
  async function loaded(url, more) {
    let bytes = 0;
    const measured = async (...request) => {
      const response = await fetch(...request);
      const counting = new TransformStream({
        transform(chunk, controller) {
          bytes += chunk.length;
          controller.enqueue(chunk);
        },
      });
      return new Response(response.body.pipeThrough(counting), response);
    };
    const loader = new ProgressiveLoader(url, { ...STAFF, ...options, fetch: measured, ...more });
    await loader.loadAll();
    const refresh = async (...names) => {
      bytes = 0;
      await loader.refresh(...names);
      return bytes;
    };
    const values = () => Object.fromEntries(loader.allData.flatMap(Object.entries));
    return { first: await refresh(), refresh, values, loader };
  }

  test("moves nearly no bytes when nothing has changed, and keeps each value", async () => {
    const { first, refresh, values } = await loaded(NAMED);
    const before = Object.entries(values());
    expect(first).toBeGreaterThan(70_000);
    expect(await refresh()).toBeLessThan(700 * 7); // most of them are of cursors
    expect(before).toHaveLength(7);
    for (const [name, value] of before) {
      expect(value.name).toBe(name);
      expect(values()[name]).toBe(value);
    }
  });

  test("brings the part that has changed", async () => {
    const { refresh, values } = await loaded(DASHBOARD); // overview has the time
    const before = values();
    await refresh();
    expect(values().overview.timestamp).not.toBe(before.overview.timestamp);
    for (const name of NAMES.slice(1)) expect(values()[name]).toBe(before[name]);
  });

  test("of some parts moves nearly no bytes", async () => {
    const { refresh, values } = await loaded(DASHBOARD);
    const { recent_orders } = values();
    expect(await refresh("recent_orders")).toBeLessThan(1000);
    expect(values().recent_orders).toBe(recent_orders);
  });

  test("has the error of a part that fails, and its value when it is mended", async () => {
    const { refresh, values, loader } = await loaded(DASHBOARD);
    const { recent_orders } = values();
    await control("fail", { part: "recent_orders" });
    await refresh();
    expect(loader.errors).toMatchObject([{ part: "recent_orders" }]);
    await control("reset");
    expect(await refresh()).toBeGreaterThan(1000);
    expect(values().recent_orders).toEqual(recent_orders);
    expect(loader.errors).toEqual([]);
  });

  test("keeps the values of a renderer that renames keys", async () => {
    const { refresh, values } = await loaded(CAMEL);
    const before = values();
    const renamed = options.stream ? "recent_orders" : "recentOrders"; // a stream's names stay
    await refresh();
    expect(values()[renamed]).toBe(before[renamed]);
    expect(before[renamed][0]).toHaveProperty("createdAt");
  });

  test("of parts that run together keeps their values", async () => {
    const { refresh, values } = await loaded(TOGETHER);
    const before = values();
    await refresh();
    for (const name of NAMES.slice(1)) expect(values()[name]).toBe(before[name]);
  });
});

test("a refresh over pages after a load by a stream that broke sends the tags of both", async () => {
  const fetch = cutting(Infinity, 3, 0);
  const loader = new ProgressiveLoader(DASHBOARD, { ...STAFF, fetch, stream: true });
  await loader.loadAll();
  await loader.refresh(); // by a stream that breaks, and pages
  expect(fetch.asked).toContain("page cursor");
  const before = Object.assign({}, ...loader.allData);
  await loader.refresh();
  const after = Object.assign({}, ...loader.allData);
  for (const name of NAMES.slice(1)) expect(after[name]).toBe(before[name]);
});
