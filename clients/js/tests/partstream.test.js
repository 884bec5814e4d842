import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { describe, expect, onTestFinished, test, vi } from "vitest";

import { ProgressiveLoader } from "../loader.js";
import { csrf, follow, parts, PartstreamError } from "../partstream.js";
import {
  all,
  control,
  DASHBOARD,
  ECHO,
  expired,
  NAMES,
  namesOf,
  noting,
  serve,
  STAFF,
} from "./server.js";
import { hurry, streamer } from "./streamer.js";
import { walk } from "../walk.js";

describe("a walk", () => {
  test("gives every part once, in order, with the number of all", async () => {
    const fetch = noting();
    const came = await all(parts(DASHBOARD, { ...STAFF, fetch }));
    expect(namesOf(came)).toEqual(NAMES);
    expect(came.map(({ total, error }) => [total, error])).toEqual(Array(6).fill([6, null]));
    expect(came[0].value.store_name).toBe("Corner Shop");
    expect(fetch.asked.map((query) => query.slice(0, 8))).toEqual(["", "?cursor=", "?cursor="]);
  });

  test("gives parts while later parts are still being computed", async () => {
    await control("hold", { part: "recent_orders" });
    const walk = parts(DASHBOARD, STAFF);
    expect((await walk.next()).value.name).toBe("overview");
    expect((await walk.next()).value.name).toBe("today_stats");
    const third = walk.next();
    await control("release");
    expect((await third).value.name).toBe("recent_orders");
  });

  test("keeps the query of an address", async () => {
    const url = `${ECHO}?year=2024&q=a%20b%26c&q2=#chart`;
    const came = await all(parts(url));
    expect(namesOf(came)).toEqual(["query", "headers", "last"]);
    expect(came[0].value).toEqual({ year: "2024", q: "a b&c", q2: "" });
    const fetch = noting();
    await all(parts(url, { fetch }));
    expect(fetch.asked[2]).toMatch(/^\?year=2024&q=a(%20|\+)b%26c&q2=&cursor=[\w.-]+$/);
  });

  test("takes a URL object and leaves it unchanged", async () => {
    const url = new URL(`${ECHO}?a=1`);
    expect(await all(parts(url))).toHaveLength(3);
    expect(url.search).toBe("?a=1");
  });

  test("resolves an address relative to the current page", async () => {
    globalThis.location = new URL(DASHBOARD);
    onTestFinished(() => delete globalThis.location);
    expect(await all(parts("/api/echo/"))).toHaveLength(3);
    expect(await all(parts("../echo/?a=1"))).toHaveLength(3);
  });

  test("asks for nothing where no part is wanted, and for all parts by null", async () => {
    const { url, asked } = await streamer();
    for (const stream of [false, true]) {
      expect(await all(parts(url, { only: [], stream }))).toEqual([]);
      expect(asked).toEqual([]);
    }
    expect(await all(parts(url, { only: null }))).toHaveLength(4);
  });

  test("asks for some parts only", async () => {
    const only = ["recent_orders", "overview", "today_stats"];
    const came = await all(parts(DASHBOARD, { ...STAFF, only }));
    expect(namesOf(came)).toEqual(["overview", "today_stats", "recent_orders"]);
    expect(came[0].total).toBe(3);
    expect(namesOf(await all(parts(DASHBOARD, { ...STAFF, only: "overview" })))).toEqual([
      "overview",
    ]);
  });

  test("of a response without parts gives no part", async () => {
    for (const part of NAMES) await control("leave_out", { part });
    expect(await all(parts(DASHBOARD, STAFF))).toEqual([]);
  });

  test("sends headers given as an object, as Headers or as pairs", async () => {
    const given = { "X-CSRFToken": "t", "X-Own": "1" };
    for (const headers of [given, new Headers(given), Object.entries(given)]) {
      const came = await all(parts(ECHO, { headers }));
      expect(came[1].value).toMatchObject({
        accept: "application/json",
        "x-csrftoken": "t",
        "x-own": "1",
      });
    }
    const headers = { Accept: "application/json; indent=2" };
    const came = await all(parts(ECHO, { headers }));
    expect(came[1].value.accept).toBe(headers.Accept);
  });

  test("passes other options on to fetch()", async () => {
    const given = [];
    const fetch = (url, init) => {
      given.push(init.credentials);
      return globalThis.fetch(url, init);
    };
    await all(parts(ECHO, { fetch, credentials: "include" }));
    expect(given).toEqual(["include", "include", "include"]);
  });

  test("asks with the fetch() that the page has then, which a tool may wrap in the middle", async () => {
    const own = vi.spyOn(globalThis, "fetch");
    try {
      const walk = parts(ECHO);
      await walk.next();
      expect(own).toHaveBeenCalledOnce();
      const wrapped = vi.fn(fetch);
      globalThis.fetch = wrapped;
      await all(walk);
      expect(wrapped).toHaveBeenCalled();
    } finally {
      vi.restoreAllMocks();
    }
  });
});

describe("a part that failed", () => {
  test("comes with its error and can be asked for again", async () => {
    await control("fail", { part: "sales_analytics" });
    const came = await all(parts(DASHBOARD, STAFF));
    expect(namesOf(came)).toEqual(NAMES);
    expect(came[4]).toMatchObject({
      value: null,
      error: { part: "sales_analytics", code: "part_failed", retryable: true },
    });
    expect(came[4].error.reference).toMatch(/^\w+$/);
    expect(came[5].error).toBe(null);

    await control("reset");
    const [again] = await all(parts(DASHBOARD, { ...STAFF, only: came[4].name }));
    expect(again).toMatchObject({ name: "sales_analytics", error: null, total: 1 });
    expect(again.value.by_month.length).toBeGreaterThan(0);
  });

  test("by a timeout has the code part_timed_out", async () => {
    await control("hang", { part: "sales_analytics" });
    const came = await all(parts(DASHBOARD, STAFF));
    expect(came[4].error.code).toBe("part_timed_out");
  });
});

describe("a cursor that can no longer be followed", () => {
  test("starts the walk again without giving a part twice", async () => {
    for (const late of [1, 2]) {
      const fetch = noting((url, number) => (number === late ? expired(url) : url));
      expect(namesOf(await all(parts(DASHBOARD, { ...STAFF, fetch })))).toEqual(NAMES);
      expect(fetch.asked).toHaveLength(3 + 1 + late);
      expect(fetch.asked[late + 1]).toBe("");
    }
  });

  test("because its part is gone starts the walk again", async () => {
    const fetch = noting(async (url, number) => {
      if (number === 1) await control("leave_out", { part: "today_stats" });
      return url;
    });
    const came = await all(parts(DASHBOARD, { ...STAFF, fetch }));
    expect(namesOf(came)).toEqual(NAMES);
    expect(came[5].total).toBe(5);
  });

  test("may come on later and later pages as long as new parts come", async () => {
    const fetch = noting((url, number) => ([1, 4].includes(number) ? expired(url) : url));
    expect(namesOf(await all(parts(DASHBOARD, { ...STAFF, fetch })))).toEqual(NAMES);
  });

  test("ends the walk when no new part comes any more", async () => {
    const fetch = noting((url) => (url.searchParams.has("cursor") ? expired(url) : url));
    const came = [];
    const walk = async () => {
      for await (const { name } of parts(DASHBOARD, { ...STAFF, fetch })) came.push(name);
    };
    await expect(walk()).rejects.toMatchObject({ status: 410, code: "cursor_expired" });
    expect(came).toEqual(["overview", "today_stats"]);
    expect(fetch.asked).toHaveLength(8);
  });

  test("and is dropped on its way to the server ends the walk", async () => {
    const fetch = noting(() => new URL(DASHBOARD));
    const came = [];
    const walk = async () => {
      for await (const { name } of parts(DASHBOARD, { ...STAFF, fetch })) came.push(name);
    };
    await expect(walk()).rejects.toThrow("The same parts come again and again.");
    expect(came).toEqual(["overview", "today_stats"]);
    expect(fetch.asked).toHaveLength(4);
  });

  test("because it is forged is an error at once", async () => {
    const fetch = noting((url) => {
      if (url.searchParams.has("cursor")) url.searchParams.set("cursor", "made-up");
      return url;
    });
    await expect(all(parts(DASHBOARD, { ...STAFF, fetch }))).rejects.toMatchObject({
      status: 400,
      code: "invalid_cursor",
    });
    expect(fetch.asked).toHaveLength(2);
  });
});

describe("an answer that is no page", () => {
  test("but a refusal of the server has the message of the server", async () => {
    const refused = await all(parts(DASHBOARD)).catch((error) => error);
    expect(refused).toBeInstanceOf(PartstreamError);
    expect(refused).toMatchObject({ name: "PartstreamError", status: 403 });
    expect(refused.message).toMatch(/credentials/);

    const unknown = parts(DASHBOARD, { ...STAFF, only: "nothing" });
    await expect(all(unknown)).rejects.toThrow(/overview/);
  });

  test.each([
    [502, "text/html", "<h1>Bad Gateway</h1>", "502 Bad Gateway"],
    [200, "text/html", "<form>Sign in</form>", "The answer is no page of parts."],
    [200, "application/json", "null", "The answer is no page of parts."],
    [200, "application/json", "[]", "The answer is no page of parts."],
    [400, "application/json", '{"detail": {"year": ["Wrong."]}}', "400 Bad Request"],
    [500, "application/json", '"down"', "500 Internal Server Error"],
  ])("such as %i %s %s rejects with a PartstreamError", async (status, type, body, message) => {
    const url = await serve((response) => {
      response.writeHead(status, { "Content-Type": type }).end(body);
    });
    const walk = all(parts(url, { patience: 0 }));
    await expect(walk).rejects.toMatchObject({ name: "PartstreamError", status, message });
  });

  test("because the network failed rejects with the error of fetch()", async () => {
    const walk = all(parts("http://127.0.0.1:1/", { patience: 0 }));
    await expect(walk).rejects.toThrow("fetch failed");
  });
});

describe("a walk that is aborted", () => {
  test("before it began sends no request", async () => {
    const fetch = noting();
    const signal = AbortSignal.abort();
    await expect(all(parts(DASHBOARD, { ...STAFF, signal, fetch }))).rejects.toThrow("aborted");
    expect(fetch.asked).toEqual([]);
  });

  test("while a part is handled gives no other part of the same page", async () => {
    const controller = new AbortController();
    const came = [];
    const walk = async () => {
      for await (const { name } of parts(DASHBOARD, { ...STAFF, signal: controller.signal })) {
        came.push(name);
        controller.abort(new Error("enough"));
      }
    };
    await expect(walk()).rejects.toThrow("enough");
    expect(came).toEqual(["overview"]);
  });

  test("while it waits for a page rejects with the reason", async () => {
    await control("hold", { part: "recent_orders" });
    const controller = new AbortController();
    const walk = parts(DASHBOARD, { ...STAFF, signal: controller.signal });
    await walk.next();
    await walk.next();
    const third = walk.next();
    controller.abort(new Error("the user left"));
    await expect(third).rejects.toThrow("the user left");
    await control("release");
  });

  test("by leaving the loop sends no more requests", async () => {
    const fetch = noting();
    for await (const { name } of parts(DASHBOARD, { ...STAFF, fetch })) {
      if (name === "today_stats") break;
    }
    expect(fetch.asked).toEqual([""]);
  });
});

describe("ProgressiveLoader", () => {
  test("loads all parts and reports each page as in the guide", async () => {
    const reports = [];
    const loader = new ProgressiveLoader(DASHBOARD, STAFF);
    const data = await loader.loadAll((progress) => reports.push(progress));
    expect(data).toBe(loader.allData);
    expect(data.flatMap(Object.keys)).toEqual(NAMES);
    expect(reports.map(({ totalLoaded, hasMore }) => [totalLoaded, hasMore])).toEqual([
      [2, true],
      [4, true],
      [6, false],
    ]);
    expect(reports[1].results).toEqual(data.slice(2, 4));
  });

  test("loads without a report, and loads anew on a second call", async () => {
    const loader = new ProgressiveLoader(`${ECHO}?year=2024`);
    await loader.loadAll();
    expect(await loader.loadAll()).toHaveLength(3);
    expect(loader.allData[0]).toEqual({ query: { year: "2024" } });
  });

  test("retries failed parts in their places", async () => {
    await control("fail", { part: "today_stats" });
    await control("fail", { part: "sales_analytics" });
    const loader = new ProgressiveLoader(DASHBOARD, STAFF);
    await loader.loadAll();
    expect(loader.errors.map(({ part }) => part)).toEqual(["today_stats", "sales_analytics"]);
    expect(loader.allData[1]).toEqual({ today_stats: null });

    await loader.retry("today_stats");
    expect(loader.errors).toHaveLength(2);
    await control("reset");
    await loader.retry();
    expect(loader.errors).toEqual([]);
    expect(loader.allData.flatMap(Object.keys)).toEqual(NAMES);
    expect(loader.allData[1].today_stats.orders_today).toBeTypeOf("number");
    const fetch = noting();
    loader.options.fetch = fetch;
    await loader.retry();
    expect(fetch.asked).toEqual([]);
  });

  test("lists no error of a part that arrived before the walk started again", async () => {
    const fetch = noting(async (url, number) => {
      if (number === 1) {
        await control("leave_out", { part: "today_stats" });
        await control("fail", { part: "overview" });
        await control("fail", { part: "recent_orders" });
      }
      return url;
    });
    const loader = new ProgressiveLoader(DASHBOARD, { ...STAFF, fetch });
    await loader.loadAll();
    expect(loader.allData[0].overview.store_name).toBe("Corner Shop");
    expect(loader.errors.map(({ part }) => part)).toEqual(["recent_orders"]);
  });

  test("reports the last page even when a second start left it without new parts", async () => {
    const fetch = noting(async (url, number) => {
      if (number !== 2) return url;
      for (const part of NAMES.slice(4)) await control("leave_out", { part });
      return expired(url);
    });
    const reports = [];
    const loader = new ProgressiveLoader(DASHBOARD, { ...STAFF, fetch });
    await loader.loadAll((progress) => reports.push(progress));
    expect(reports.map(({ totalLoaded, hasMore }) => [totalLoaded, hasMore])).toEqual([
      [2, true],
      [4, true],
      [4, false],
    ]);
  });

  test("rejects with the error of the server and keeps the loaded parts", async () => {
    const fetch = noting((url, number) => (number === 2 ? `${DASHBOARD}?cursor=x` : url));
    const loader = new ProgressiveLoader(DASHBOARD, { ...STAFF, fetch });
    await expect(loader.loadAll()).rejects.toMatchObject({ code: "invalid_cursor" });
    expect(loader.allData).toHaveLength(4);
  });
});

describe("a page with renamed keys", () => {
  const meta = { totalParts: 2, currentChunkSize: 2, hasMore: false };
  const failure = { part: "today_stats", code: "part_failed", retryable: true, index: 1 };
  const failed = { results: [{ overview: 1 }, { todayStats: null }], cursor: null, meta };
  const recovered = { results: [{ todayStats: 7 }], cursor: null, meta };

  function answering(...pages) {
    const asked = [];
    async function fetch(url) {
      asked.push(new URL(url).searchParams.get("parts"));
      return Response.json(pages[asked.length - 1]);
    }
    return Object.assign(fetch, { asked });
  }

  test("has the error of a part by its place", async () => {
    const fetch = answering({ ...failed, errors: [failure] });
    const came = await all(parts("https://a.test/", { fetch }));
    expect(came).toEqual([
      { name: "overview", value: 1, error: null, total: 2 },
      { name: "todayStats", value: null, error: failure, total: 2 },
    ]);
  });

  test("loses neither failure, nor total, nor the wait for a pending part", async () => {
    const waiting = [{ part: "my_shelf", retryAfter: 2, progress: 0.5 }];
    const failure = { part: "my_books", code: "part_failed", retryable: true, index: 0 };
    const meta = { totalParts: 3, currentChunkSize: 2, hasMore: true };
    const results = [{ myBooks: null }, { overview: 1 }];
    const pages = [
      { results, errors: [failure], cursor: "1", meta, pending: waiting },
      { results: [], cursor: "2", meta, pending: waiting },
      { results: [{ myShelf: 2 }], cursor: null, meta },
      { results: [{ myBooks: 3 }], cursor: null, meta: { ...meta, totalParts: 1 } },
    ];
    const waits = hurry();
    const fetch = answering(...pages);
    const onPending = vi.fn();
    let state;
    const walking = walk("https://a.test/", { fetch, onPending }, (now) => (state = now));
    await vi.waitFor(() => expect(state.loading).toBe(false));
    expect(state.total).toBe(3);
    expect(state.parts).toEqual([
      { name: "myBooks", value: null, error: failure },
      { name: "overview", value: 1, error: null },
      { name: "myShelf", value: 2, error: null },
    ]);
    expect(waits).toEqual([2000]);
    expect(onPending.mock.lastCall).toEqual([[]]);
    walking.retry();
    await vi.waitFor(() => expect(state.parts[0].value).toBe(3));
    expect(state.total).toBe(3);
    expect(fetch.asked).toEqual([null, null, null, "my_books"]);
  });

  test("has the error of a part by its name if the entry has no place", async () => {
    const { index: _, ...older } = { ...failure, part: "todayStats" };
    const fetch = answering({ ...failed, errors: [older] });
    expect((await all(parts("https://a.test/", { fetch })))[1].error).toEqual(older);
  });

  test.each([[[]], [["todayStats"]], [["today_stats"]]])(
    "retries %j under the name that the server knows",
    async (names) => {
      const fetch = answering({ ...failed, errors: [failure] }, recovered);
      const loader = new ProgressiveLoader("https://a.test/", { fetch });
      await loader.loadAll();
      expect(loader.errors).toEqual([failure]);
      expect(await loader.retry(...names)).toEqual([{ overview: 1 }, { todayStats: 7 }]);
      expect(loader.errors).toEqual([]);
      expect(fetch.asked).toEqual([null, "today_stats"]);
    },
  );

  test.each([[[]], [["todayStats"]]])("retries %j in a walk with state", async (names) => {
    const fetch = answering({ ...failed, errors: [failure] }, recovered);
    let state;
    const done = () => vi.waitFor(() => expect(state.loading).toBe(false));
    const walking = walk("https://a.test/", { fetch }, (now) => (state = now));
    await done();
    walking.retry(...names);
    await vi.waitFor(() => expect(state.parts[1].value).toBe(7));
    await done();
    expect(fetch.asked).toEqual([null, "today_stats"]);
  });
});

describe("follow()", () => {
  test("walks pages from any source, from a null cursor to a null cursor", async () => {
    const asked = [];
    const meta = { total_parts: 2 };
    const answers = [
      { results: [{ a: 1 }], cursor: "old", meta },
      Object.assign(new Error("too old"), { status: 410 }),
      { results: [{ a: 1 }], cursor: "next", meta },
      { results: [{ b: null }], cursor: null, meta, errors: [{ part: "b", code: "part_failed" }] },
    ];
    const pageAt = async (cursor) => {
      const answer = answers[asked.push(cursor) - 1];
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const came = await all(follow(pageAt));
    expect(came.map(({ name, error }) => [name, error?.code])).toEqual([
      ["a", undefined],
      ["b", "part_failed"],
    ]);
    expect(asked).toEqual([null, "old", null, "next"]);
  });
});

describe("csrf()", () => {
  test("returns the header for Django's CSRF cookie", () => {
    globalThis.document = { cookie: "a=1; csrftoken=abc%3D; other=2" };
    onTestFinished(() => delete globalThis.document);
    expect(csrf()).toEqual({ "X-CSRFToken": "abc=" });
    expect(csrf("other", "X-Other")).toEqual({ "X-Other": "2" });
    expect(csrf("missing")).toEqual({});
  });

  test("returns no header where there are no cookies", () => {
    expect(csrf()).toEqual({});
  });
});

describe("the package", () => {
  const here = new URL("..", import.meta.url).pathname;
  const npm = (...command) => execFileSync("npm", command, { cwd: here, encoding: "utf8" });

  /** The files that a browser fetches for an import of `name`: not those of a later `import()`. */
  function fetched(name) {
    const text = readFileSync(join(here, name), "utf8");
    const imports = [...text.matchAll(/^(?:import|export)\b[^;]*?"\.\/([\w.]+)";$/gms)];
    return new Set([name, ...imports.flatMap(([, one]) => [...fetched(one)])]);
  }

  test.each([
    ["partstream.js", 3500],
    ["stream.js", 2000],
    ["loader.js", 5700],
  ])("has a browser fetch, for an import of %s, at most %i bytes, compressed", (name, most) => {
    const sizes = [...fetched(name)].map(
      (one) => gzipSync(readFileSync(join(here, one)), { level: 9 }).length,
    );
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(most);
  });

  test("has a browser fetch a single file for parts(), and three for the loader", () => {
    expect([...fetched("partstream.js")]).toEqual(["partstream.js"]);
    const all = ["loader.js", "partstream.js", "remembered.js"];
    expect([...fetched("loader.js")].sort()).toEqual(all);
  });

  const ENTRIES = ["loader", "partstream", "react", "remembered", "timeline", "visible", "vue"];
  const FOR_OTHER_MODULES = ["pagesOf", "refreshing"];

  test.each(ENTRIES)("has types for all exports of %s", async (name) => {
    const types = readFileSync(join(here, `${name}.d.ts`), "utf8");
    const typed = [...types.matchAll(/^export (?:class|function) (\w+)/gm)].map(([, it]) => it);
    const exported = Object.keys(await import(`../${name}.js`));
    expect(exported.filter((it) => !FOR_OTHER_MODULES.includes(it)).sort()).toEqual(typed.sort());
  });

  test("ships its modules and types, and works from its archive in plain Node", () => {
    const place = mkdtempSync(join(tmpdir(), "partstream-"));
    onTestFinished(() => rmSync(place, { recursive: true }));
    const [packed] = JSON.parse(npm("pack", "--json", "--silent", "--pack-destination", place));
    const timeline = readdirSync(join(here, "timeline")).map((name) => `timeline/${name}`);
    const inner = ["polling.js", "stream.js", "walk.js", ...timeline];
    const others = ["LICENSE", "README.md", "package.json", ...inner];
    expect(packed.files.map(({ path }) => path).sort()).toEqual(
      [...others, ...ENTRIES.flatMap((it) => [`${it}.js`, `${it}.d.ts`])].sort(),
    );

    const installed = join(place, "node_modules");
    mkdirSync(installed);
    execFileSync("tar", ["-xzf", join(place, packed.filename), "-C", installed]);
    renameSync(join(installed, "package"), join(installed, "partstream"));
    for (const peer of ["react", "vue"]) {
      symlinkSync(join(here, "node_modules", peer), join(installed, peer));
    }
    const code = `
      import { parts } from "partstream";
      import { ProgressiveLoader } from "partstream/loader";
      import { remembered } from "partstream/remembered";
      import { useParts as react } from "partstream/react";
      import { useParts as vue } from "partstream/vue";
      import { whenVisible } from "partstream/visible";
      const url = process.argv[1];
      for await (const { name } of parts(url)) console.log(name);
      for await (const { total } of parts(url, { stream: true })) console.log(total);
      console.log((await new ProgressiveLoader(url, { remembered: remembered() }).loadAll()).length);
      console.log(typeof react, typeof vue, typeof whenVisible);
    `;
    const command = ["--input-type=module", "--eval", code, ECHO];
    const said = execFileSync(process.execPath, command, { cwd: place, encoding: "utf8" });
    expect(said).toBe("query\nheaders\nlast\nnull\nnull\nnull\n3\nfunction function function\n");
  });
});
