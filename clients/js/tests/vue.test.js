// @vitest-environment jsdom

import { expect, test, vi } from "vitest";
import { createApp, effectScope, h, nextTick, ref, watch } from "vue";

import { useParts } from "../vue.js";
import { control, DASHBOARD, ECHO, NAMES, namesOf, STAFF } from "./server.js";
import { FAILURE, pageOf, PARTS, slow, streamer } from "./streamer.js";
import { tagging } from "./tagging.js";
import { lost, troubled } from "./troubled.js";

const until = (check) => vi.waitFor(check, { timeout: 10_000 });

function use(url, options = STAFF) {
  const scope = effectScope();
  return { ...scope.run(() => useParts(url, options)), leave: () => scope.stop() };
}

test("useParts() in Vue shows the parts as they come", async () => {
  await control("hold", { part: "recent_orders" });
  const place = document.createElement("div");
  const app = createApp({
    setup() {
      const { parts, loading } = useParts(DASHBOARD, STAFF);
      return () => h("p", [...namesOf(parts.value), loading.value ? "…" : "."].join(" "));
    },
  });
  app.mount(place);
  expect(place.textContent).toBe("…");
  await until(() => expect(place.textContent).toBe("overview today_stats …"));
  await control("release");
  await until(() => expect(place.textContent).toBe(`${NAMES.join(" ")} .`));
  app.unmount();
});

test("useParts() in Vue takes a stream, which tells the number of parts at its end", async () => {
  const { url, asked } = await streamer();
  const { parts, total, loading, leave } = use(url, { stream: true });
  await until(() => expect(loading.value).toBe(false));
  expect(namesOf(parts.value)).toEqual(PARTS);
  expect(total.value).toBe(4);
  expect(asked).toEqual(["stream start"]);
  leave();
});

test("useParts() in Vue is loading, and shows the pending part, until it is there", async () => {
  const { fetch, finish } = slow();
  const { parts, pending, loading, leave } = use("https://a.test/", { fetch });
  expect(pending.value).toEqual([]);
  await until(() => expect(pending.value).toEqual([{ name: "b", progress: 0.25 }]));
  await until(() => expect(namesOf(parts.value)).toEqual(["a"]));
  expect(loading.value).toBe(true);
  finish();
  await until(() => expect(loading.value).toBe(false));
  expect(namesOf(parts.value)).toEqual(["a", "b"]);
  expect(pending.value).toEqual([]);
  leave();
});

test("useParts() in Vue is waiting while the network is gone, without an error", async () => {
  let isOut = true;
  const { fetch } = troubled(() => (isOut ? lost() : undefined));
  const { parts, waiting, loading, error, leave } = use("https://a.test/", { fetch });
  expect(waiting.value).toBe(false);
  await until(() => expect(waiting.value).toBe(true));
  expect([loading.value, error.value]).toEqual([true, null]);
  isOut = false;
  await until(() => expect(loading.value).toBe(false));
  expect([waiting.value, error.value]).toEqual([false, null]);
  expect(namesOf(parts.value)).toEqual(PARTS);
  leave();
});

test("the signal of a retry in Vue ends it at once, and leaves the part as it was", async () => {
  const failed = { ...pageOf(["a", "b"], null), errors: [{ ...FAILURE, index: 1 }] };
  const { fetch } = troubled((number) => (number ? lost() : Response.json(failed)));
  const { parts, waiting, loading, error, retry, leave } = use("https://a.test/", { fetch });
  await until(() => expect(loading.value).toBe(false));
  const before = parts.value;
  const controller = new AbortController();
  retry(["b"], { signal: controller.signal });
  await until(() => expect(waiting.value).toBe(true));
  controller.abort();
  await until(() => expect(loading.value).toBe(false));
  expect([waiting.value, error.value]).toEqual([false, null]);
  expect(parts.value).toBe(before);
  leave();
});

test("refresh() in Vue replaces parts in their places, and is never loading", async () => {
  let version = 1;
  const fetch = async (url) => {
    const names = new URL(url).searchParams.get("parts")?.split(",") ?? PARTS;
    const page = pageOf(names, null);
    return Response.json({ ...page, results: names.map((name) => ({ [name]: version })) });
  };
  const { parts, loading, refresh, leave } = use("https://a.test/", { fetch });
  const values = () => parts.value.map(({ value }) => value);
  await until(() => expect(loading.value).toBe(false));
  const loadings = [];
  watch(loading, (now) => loadings.push(now));
  version = 2;
  refresh("b", "c");
  await until(() => expect(values()).toEqual([1, 2, 2, 1]));
  version = 3;
  refresh();
  await until(() => expect(values()).toEqual([3, 3, 3, 3]));
  expect(namesOf(parts.value)).toEqual(PARTS);
  expect(loadings).toEqual([]);
  leave();
});

test("`every` in Vue refreshes until its effect scope ends", async () => {
  const { fetch: answer, asked } = troubled();
  const signals = [];
  const fetch = (url, init) => {
    signals.push(init.signal);
    return answer(url, init);
  };
  const { parts, leave } = use("https://a.test/", { fetch, every: 0.05, first: "d" });
  await until(() => expect(asked.length).toBeGreaterThan(12));
  expect(asked.filter((what) => what.includes(" of "))).toEqual(["page start of d"]);
  expect(namesOf(parts.value)).toEqual(["d", "a", "b", "c"]);
  leave();
  expect(signals.at(-1).aborted).toBe(true);
});

test("retry(name) in Vue shows the part as pending until it is there", async () => {
  const { fetch, finish } = slow({ fails: true });
  const { parts, pending, loading, retry, leave } = use("https://a.test/", { fetch });
  await until(() => expect(loading.value).toBe(false));
  retry("b");
  await until(() => expect(pending.value).toEqual([{ name: "b", progress: 0.25 }]));
  expect(loading.value).toBe(true);
  finish();
  await until(() => expect(loading.value).toBe(false));
  expect(pending.value).toEqual([]);
  expect(parts.value[1]).toEqual({ name: "b", value: "b", error: null });
  leave();
});

test("retry(name) in Vue replaces the failed part in its place", async () => {
  await control("fail", { part: "today_stats" });
  const { parts, loading, total, retry } = use(DASHBOARD);
  await until(() => expect(loading.value).toBe(false));
  expect(parts.value[1].error.code).toBe("part_failed");
  await control("reset");
  retry("today_stats");
  await until(() => expect(parts.value[1].error).toBe(null));
  expect(namesOf(parts.value)).toEqual(NAMES);
  expect(total.value).toBe(6);
});

test("retry() in Vue retries all failed parts", async () => {
  await control("fail", { part: "today_stats" });
  const { parts, loading, retry } = use(DASHBOARD);
  await until(() => expect(loading.value).toBe(false));
  await control("reset");
  retry();
  await until(() => expect(parts.value[1].error).toBe(null));
});

test("the error that ended the walk is cleared in Vue by reload()", async () => {
  const options = ref({});
  const { parts, error, reload } = use(DASHBOARD, options);
  await until(() => expect(error.value?.status).toBe(403));
  options.value = STAFF;
  reload();
  await until(() => expect(parts.value).toHaveLength(6));
  expect(error.value).toBe(null);
});

test("a new address starts a new walk in Vue, and null ends it", async () => {
  const year = ref(null);
  const { parts, loading } = use(() => year.value && `${ECHO}?year=${year.value}`);
  expect(loading.value).toBe(false);
  for (const one of ["2023", "2024"]) {
    year.value = one;
    await nextTick();
    expect(parts.value).toEqual([]);
    await until(() => expect(parts.value).toHaveLength(3));
    expect(parts.value[0].value).toEqual({ year: one });
  }
  year.value = null;
  await nextTick();
  expect([parts.value, loading.value]).toEqual([[], false]);
});

test("the end of its effect scope ends the walk in Vue", async () => {
  await control("hold", { part: "recent_orders" });
  const { parts, loading, leave } = use(DASHBOARD);
  await until(() => expect(parts.value).toHaveLength(2));
  leave();
  await control("release");
  await nextTick();
  expect(parts.value).toHaveLength(2);
  expect(loading.value).toBe(true); // a stopped scope gets no more updates
});

test("a refresh in Vue in which nothing has changed triggers nothing", async () => {
  const values = { a: { text: "a" }, b: [1, 2], c: null };
  const { fetch, asked } = tagging(values);
  const { parts, loading, refresh, leave } = use("/api/", { fetch });
  await until(() => expect(loading.value).toBe(false));
  const seen = [];
  watch(parts, (now) => seen.push(now), { flush: "sync" });
  const refreshed = async () => {
    const count = asked.length;
    refresh();
    await until(() => expect(asked.length).toBe(count + 2));
    await new Promise(setImmediate);
  };
  await refreshed();
  const [a] = parts.value;
  seen.length = 0;
  await refreshed();
  expect(asked.at(-1).tags).toMatchObject({ a: a.etag });
  expect(seen).toEqual([]);
  values.b = "new";
  await refreshed();
  expect(seen).toHaveLength(1);
  expect(parts.value[0]).toBe(a);
  expect(parts.value[1].value).toBe("new");
  leave();
});
