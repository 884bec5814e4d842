// @vitest-environment jsdom

import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";

import { parts } from "../partstream.js";
import { observe } from "../timeline/observing.js";
import { Walks } from "../timeline/walks.js";
import { titleOf, waitingWords, wordsOf } from "../timeline/words.js";
import { all, DASHBOARD, NAMES, STAFF, TOGETHER } from "./server.js";
import {
  exactly,
  FAILURE,
  end,
  line,
  lines,
  pageOf,
  progress,
  streamer,
  streamed,
} from "./streamer.js";

const PAGE = "https://a.test/api/";
const GRAPHQL = "https://a.test/graphql/";

// Before the hooks of setup.js, which fetch.
const ends = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
  vi.unstubAllGlobals();
});

/** Observe a `fetch()` that gives these responses in turn. Returns the walks. */
function observed(...responses) {
  vi.stubGlobal("fetch", async () => responses.shift());
  return observedFetch();
}

function observedFetch() {
  const walks = new Walks();
  ends.push(observe((...told) => walks.tell(...told)));
  return walks;
}

const json = (body, headers = {}) => Response.json(body, { headers });

/** Wait until the timeline knows so many parts. */
const known = (walks, count) =>
  vi.waitFor(() => expect(walks.all.flatMap((walk) => walk.parts)).toHaveLength(count));

/** What the timeline says of each part, with 0 for each time. */
const said = (walk) =>
  walk.parts.map(
    (part) => `${part.name}: ${wordsOf(part, walk).replaceAll(/\d+\.\d\d s/g, "0 s")}`,
  );

const frame = () => new Promise((resolve) => setTimeout(resolve, 40));

async function follow(url, cursors) {
  for (const cursor of [null, ...cursors]) {
    await fetch(cursor ? `${url}?cursor=${cursor}` : url).then((response) => response.json());
    await frame();
  }
}

describe("REST", () => {
  test("the parts of pages are told in order, with their times on the server", async () => {
    const timed = [
      'a;desc="a (ok, 3 queries 8.1 ms, cache miss, thread, waited 2.4 ms)";dur=12.3',
      'total;desc="of other code";dur=99.0, part-2;desc="caf? (1) (error, 1 query 0.5 ms)";dur=0.4',
    ];
    const failed = { ...pageOf(["a", "café (1)"], "one"), errors: [{ ...FAILURE, index: 1 }] };
    const walks = observed(
      json(failed, { "Server-Timing": timed.join(", ") }),
      json(pageOf(["c"], null), { "Server-Timing": 'c;desc="c (ok, cache hit)";dur=0.1' }),
    );
    await follow(PAGE, ["one"]);
    await known(walks, 3);
    expect(walks.all).toHaveLength(1);
    expect(said(walks.all[0])).toEqual([
      "a: asked at 0 s, shown at 0 s; server 12 ms, 3 queries in 8.1 ms, not in the cache, in a thread, waited 2.4 ms; over REST, page 1",
      "café (1): asked at 0 s, shown at 0 s; failed (part_failed); server 0.4 ms, 1 query in 0.5 ms; over REST, page 1",
      "c: asked at 0 s, shown at 0 s; server 0.1 ms, cached; over REST, page 2",
    ]);
    expect(titleOf(walks.all[0])).toMatch(/, 3 parts in .* s, server 13 ms, 1 failed$/);
  });

  test("a server that sends no times is told by its parts and failures alone", async () => {
    const walks = observed(json({ ...pageOf(["a", "b"], null), errors: [FAILURE] }));
    await follow(PAGE, []);
    await known(walks, 2);
    expect(said(walks.all[0])).toEqual([
      "a: asked at 0 s, shown at 0 s; over REST, page 1",
      "b: asked at 0 s, shown at 0 s; failed (part_failed); over REST, page 1",
    ]);
  });

  test("a pending part is told with its progress, and then with the time that it was pending", async () => {
    const waiting = (progress) => [{ part: "slow_part", retry_after: 1, progress }];
    const timed = {
      "Server-Timing": 'slow;desc="slow_part (pending)";dur=7.0, a;desc="a (ok)";dur=2.0',
    };
    const walks = observed(
      json(pageOf(["a"], "one", waiting(null)), timed),
      json(pageOf([], "two", waiting(0.25))),
      json(pageOf(["slowPart"], null)), // a renderer has renamed it
    );
    await follow(PAGE, ["one"]);
    await vi.waitFor(() => expect(walks.all[0].pending.get("slowpart").progress).toBe(0.25));
    const [walk] = walks.all;
    const [wait] = walk.pending.values();
    expect(walk.parts[0].ms).toBe(2);
    expect(waitingWords(wait, walk)).toMatch(/^asked at 0.00 s; pending since .* s, 25 % done$/);
    expect(titleOf(walk)).toContain("1 pending, more to come");

    await fetch(`${PAGE}?cursor=two`);
    await known(walks, 2);
    const { asked, pending, arrived } = walk.parts[1];
    expect(asked).toBe(walk.asked);
    expect(pending.from).toBe(wait.from);
    expect(pending.to).toBeGreaterThan(pending.from);
    expect(pending.to).toBeLessThan(arrived);
    expect(said(walk)[1]).toContain("; pending from 0 s to 0 s; over REST, page 3");
    expect(walk.pending.size).toBe(0);
  });

  test("the time on the server lies within the time from asked to arrived", async () => {
    const timed = {
      "Server-Timing": 'a;desc="a (ok)";dur=1.0, b;desc="b (ok, waited 2.0 ms)";dur=3.0',
    };
    const walks = observed(json(pageOf(["a", "b"], null), timed));
    await follow(PAGE, []);
    await known(walks, 2);
    for (const { asked, arrived, server } of walks.all[0].parts) {
      expect(server.from).toBeGreaterThanOrEqual(asked);
      expect(server.from + server.ms).toBeLessThanOrEqual(Math.max(arrived, asked + 5));
    }
    const [one, two] = walks.all[0].parts;
    expect(two.server.from - one.server.from).toBeCloseTo(2);
  });

  test("a part of which the client has the value is told as not changed", async () => {
    const walks = observed(json({ ...pageOf(["a"], null), unchanged: ["a"] }));
    await follow(PAGE, []);
    await known(walks, 1);
    expect(said(walks.all[0])[0]).toContain("; not changed; ");
  });

  test("a request for some parts is a walk of its own, among those of its response", async () => {
    const walks = observed(
      json(pageOf(["a"], null)),
      json(pageOf(["a"], null)),
      json(pageOf(["a"], null)),
    );
    for (const query of ["?year=1", "?year=1&parts=a,b", "?year=2"]) await fetch(PAGE + query);
    await known(walks, 3);
    expect(walks.all.map(({ group, only }) => [group, only])).toEqual([
      [`${PAGE}?year=2`, null],
      [`${PAGE}?year=1`, "a,b"],
      [`${PAGE}?year=1`, null],
    ]);
    expect(titleOf(walks.all[1])).toContain("only a and b");
  });

  test("the last 20 walks are kept, the latest first", async () => {
    vi.stubGlobal("fetch", async () => json(pageOf(["a"], null)));
    const walks = observedFetch();
    for (let number = 0; number < 25; number += 1) await fetch(`${PAGE}?number=${number}`);
    await vi.waitFor(() => expect(walks.all[0]?.group).toBe(`${PAGE}?number=24`));
    expect(walks.all).toHaveLength(20);
    expect(walks.all.at(-1).group).toBe(`${PAGE}?number=5`);
  });

  test("a walk without an end keeps its last 200 parts", () => {
    const walks = new Walks();
    const request = { address: new URL(PAGE), asked: 0, text: "" };
    const times = { arrived: 1, shown: 2, by: "stream" };
    for (let number = 0; number < 500; number += 1) {
      const news = { connection: null, parts: [{ name: `${number}`, status: "ok" }], pending: [] };
      walks.tell(request, { ...news, cursor: `c${number}` }, times);
    }
    expect(walks.all[0].parts).toHaveLength(200);
    expect(walks.all[0].parts.at(-1).name).toBe("499");
    expect(walks.all[0].cursors.length).toBeLessThan(20);
  });

  test.each([
    ["parts()", DASHBOARD, {}, "page 1"],
    ["a stream of parts()", TOGETHER, { stream: true }, "stream 1"],
  ])("the parts of the shop that %s walks are told", async (_, url, options, by) => {
    const walks = observedFetch();
    const came = await all(parts(url, { ...STAFF, ...options }));
    await known(walks, NAMES.length);
    expect(walks.all).toHaveLength(1);
    expect(walks.all[0].parts.map(({ name }) => name)).toEqual(came.map(({ name }) => name));
    expect(walks.all[0].isComplete).toBe(true);
    expect(said(walks.all[0])[0]).toMatch(new RegExp(`; over REST, ${by}$`));
  });
});

describe("streams", () => {
  const timedLine = (name, timing, cursor = `cursor-${name}`) =>
    `${JSON.stringify({ name, value: 1, timing, cursor })}\n`;

  test("each line is told when it comes, and a stream that broke goes on as pages", async () => {
    const timing = {
      ms: 3.2,
      status: "ok",
      cached: true,
      queries: 0,
      sql_ms: 0,
      ran: "thread",
      waited_ms: 0.1,
    };
    const { url } = await streamer(
      lines(
        timedLine("a", timing),
        progress("b", 0.5),
        timedLine("c", { ...timing, cached: null }),
      ),
      exactly(["b"], null),
    );
    const walks = observedFetch();
    const stream = await fetch(url, { headers: { Accept: "application/jsonl" } });
    expect((await stream.text()).split("\n")).toHaveLength(4);
    await known(walks, 2);
    const [wait] = walks.all[0].pending.values();
    expect(wait).toMatchObject({ name: "b", progress: 0.5 });
    await fetch(`${url}?cursor=cursor-c`, { headers: { Accept: "application/json" } });
    await known(walks, 3);
    expect(walks.all).toHaveLength(1);
    expect(said(walks.all[0])).toEqual([
      "a: asked at 0 s, shown at 0 s; server 3.2 ms, cached, in a thread; over REST, stream 1",
      "c: asked at 0 s, shown at 0 s; server 3.2 ms, in a thread; over REST, stream 1",
      "b: asked at 0 s, shown at 0 s; pending from 0 s to 0 s; over REST, page 2",
    ]);
  });

  test("a part that was pending in a stream is told with the time until it was computed", async () => {
    const { url } = await streamer(
      lines(progress("b", 0.5), line("a"), timedLine("b", { ms: 0.5 }), end()),
    );
    const walks = observedFetch();
    await all(streamed(url));
    await known(walks, 2);
    const { pending } = walks.all[0].parts.find(({ name }) => name === "b");
    expect(pending.progress).toBe(0.5);
    expect(pending.to).toBeGreaterThanOrEqual(pending.from);
    expect(walks.all[0].isComplete).toBe(true);
  });

  const EVENTS = [
    "retry: 2000\n\n:\n\n",
    'event: progress\ndata: {"name":"b","progress":0.5,"retry_after":1}\n\n',
    'event: part\nid: one\ndata: {"name":"a","value":1,"timing":{"ms":3,"status":"ok"}}\n\n',
    `event: part\nid: two\ndata: {"name":"b","value":null,"error":${JSON.stringify(FAILURE)}}\n\n`,
    'event: end\nid: two\ndata: {"total_parts":2,"delivered":2,"has_more":false}\n\n',
  ];

  test("events are told, wherever their bytes are cut", async () => {
    const walks = observed(bytes(EVENTS.join(""), "text/event-stream; charset=utf-8"));
    const response = await fetch(PAGE);
    expect(await response.text()).toBe(EVENTS.join(""));
    await known(walks, 2);
    expect(said(walks.all[0])).toEqual([
      "a: asked at 0 s, shown at 0 s; server 3 ms; over REST, stream 1",
      "b: asked at 0 s, shown at 0 s; failed (part_failed); pending from 0 s to 0 s; over REST, stream 1",
    ]);
    expect(walks.all[0].isComplete).toBe(true);
  });

  test("the events of an EventSource are told, and what comes after it has connected again", async () => {
    class Source extends EventTarget {
      url = PAGE;
    }
    vi.stubGlobal("EventSource", Source);
    const walks = observedFetch();
    const source = new EventSource(PAGE);
    expect(source).toBeInstanceOf(Source);
    expect(source).toBeInstanceOf(EventSource);
    const emit = (type, data, lastEventId) =>
      source.dispatchEvent(
        Object.assign(new Event(type), { data: JSON.stringify(data), lastEventId }),
      );
    emit("open");
    emit("part", { name: "a", value: 1 }, "one");
    emit("error");
    emit("open");
    emit("part", { name: "b", value: 1 }, "two");
    emit("end", { has_more: false }, "two");
    await known(walks, 2);
    expect(said(walks.all[0]).map((words) => words.slice(-8))).toEqual(["stream 1", "stream 2"]);
    await vi.waitFor(() => expect(walks.all[0].isComplete).toBe(true));
  });
});

/** A response that sends `text` in pieces of seven bytes. */
function bytes(text, type) {
  const all = new TextEncoder().encode(text);
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < all.length; at += 7) controller.enqueue(all.slice(at, at + 7));
      controller.close();
    },
  });
  return new Response(body, { headers: { "Content-Type": type } });
}

describe("GraphQL", () => {
  const answerOf = (timing, { hasNextPage = false, endCursor = "end", pending } = {}) => ({
    data: { shop: { board: { pageInfo: { hasNextPage, endCursor }, pending } } },
    extensions: { partstream: { timing: { "shop.board": timing } } },
  });

  async function ask(variables, init = {}) {
    const body = JSON.stringify({ query: "query Board($after: String) { … }", variables });
    const response = await fetch(GRAPHQL, { method: "POST", body, ...init });
    await response.text();
    await frame();
  }

  test("the parts of a connection are told, and the next page is of the same walk", async () => {
    const timing = {
      ms: 3,
      status: "ok",
      cached: null,
      queries: 1,
      sql_ms: 2,
      ran: "loop",
      waited_ms: 0,
    };
    const walks = observed(
      json(
        answerOf(
          [
            { name: "today", ...timing },
            { name: "slow", status: "pending" },
          ],
          {
            hasNextPage: true,
            endCursor: "one",
            pending: [{ name: "slow", progress: 0.5 }],
          },
        ),
      ),
      json(answerOf([{ name: "slow", ...timing, status: "timeout" }]), {
        "Content-Type": "application/graphql-response+json; charset=utf-8",
      }),
    );
    await ask({ after: null });
    await vi.waitFor(() => expect(walks.all[0].pending.get("slow").progress).toBe(0.5));
    await ask({ after: "one" });
    await known(walks, 2);
    expect(walks.all).toHaveLength(1);
    expect(walks.all[0]).toMatchObject({ group: `${GRAPHQL} shop.board`, isComplete: true });
    expect(said(walks.all[0])).toEqual([
      "today: asked at 0 s, shown at 0 s; server 3 ms, 1 query in 2 ms, in the event loop; over GraphQL, page 1",
      "slow: asked at 0 s, shown at 0 s; took too long; pending from 0 s to 0 s; server 3 ms, 1 query in 2 ms, in the event loop; over GraphQL, page 2",
    ]);
  });

  test("each connection of a query, and each query of a batch, is a walk", async () => {
    const one = answerOf([{ name: "a", ms: 1, status: "ok" }]);
    const two = structuredClone(one);
    two.extensions.partstream.timing.other = [{ name: "b", ms: 1, status: "ok" }];
    const walks = observed(json([two, { data: { viewer: null } }]));
    await ask({});
    await known(walks, 2);
    expect(walks.all.map(({ connection }) => connection)).toEqual(["other", "shop.board"]);
  });

  test.each([
    ['multipart/mixed; boundary="-"; deferSpec=20220824', "\r\n"],
    ['multipart/mixed; boundary="-"', ""],
  ])("what is deferred is told when it comes, as %s", async (type, start) => {
    const later = (name) => ({
      incremental: [{ path: ["shop", "board", "edges", 0, "node"], data: { [name]: 1 } }],
      hasNext: true,
      extensions: { partstream: { timing: { "shop.board": [{ name, ms: 5, status: "ok" }] } } },
    });
    const { data } = answerOf([], { hasNextPage: true, endCursor: "one" });
    const first = { data, hasNext: true };
    const payloads = [first, later("a"), { hasNext: true }, later("b"), { hasNext: false }];
    const head = "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n";
    const text = `${start}---${payloads.map((one) => `${head}${JSON.stringify(one)}\r\n---`).join("")}--\r\n`;
    const walks = observed(bytes(text, type), json(answerOf([{ name: "c", ms: 1, status: "ok" }])));
    const response = await fetch(GRAPHQL, { body: "{}" });
    expect(await response.text()).toBe(text);
    await known(walks, 2);
    expect(walks.all[0].cursors).toEqual(["one"]);
    await ask({ after: "one" });
    await known(walks, 3);
    expect(walks.all).toHaveLength(1);
    expect(said(walks.all[0])).toEqual([
      "a: asked at 0 s, shown at 0 s; server 5 ms; over GraphQL, deferred, page 1",
      "b: asked at 0 s, shown at 0 s; server 5 ms; over GraphQL, deferred, page 1",
      "c: asked at 0 s, shown at 0 s; server 1 ms; over GraphQL, page 2",
    ]);
  });
});

describe("the page", () => {
  let debug;
  beforeEach(() => {
    debug = vi.spyOn(console, "debug").mockImplementation(() => {});
    return () => debug.mockRestore();
  });

  /** A response of endless pieces, and how many of them were read. */
  function endless(piece, type) {
    const read = { pieces: 0, isCancelled: false };
    const body = new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        read.pieces += 1;
        controller.enqueue(new TextEncoder().encode(piece));
      },
      cancel() {
        read.isCancelled = true;
      },
    });
    return { read, response: new Response(body, { headers: { "Content-Type": type } }) };
  }

  test.each(["text/html", "image/png", "application/octet-stream", ""])(
    "gets a body of type %j as it is, which is not read",
    async (type) => {
      const given = new Response("{}", { headers: { "Content-Type": type } });
      const clone = vi.spyOn(given, "clone");
      observed(given);
      expect(await fetch(PAGE)).toBe(given);
      expect(clone).not.toHaveBeenCalled();
      expect(given.bodyUsed).toBe(false);
    },
  );

  test.each([400, 410, 500])("gets an answer with the status %i as it is", async (status) => {
    const given = Response.json(pageOf(["a"], null), { status });
    const walks = observed(given);
    expect(await fetch(PAGE)).toBe(given);
    await frame();
    expect(walks.all).toEqual([]);
  });

  test("gets JSON of another shape, of which the beginning alone is read", async () => {
    const { response, read } = endless(
      '{"count": 1, "results": [1, 2, 3, 4, 5, 6, 7, 8, 9]',
      "application/json",
    );
    const walks = observed(response);
    const given = await fetch(PAGE);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(read.pieces).toBeLessThan(6); // what the two branches buffer
    await given.body.cancel();
    await vi.waitFor(() => expect(read.isCancelled).toBe(true));
    expect(walks.all).toEqual([]);
  });

  test.each([
    ["application/jsonl", '{"other": "line"}\n'],
    ["application/jsonl", "no JSON\n"],
    ["text/event-stream", 'data: {"name": "a", "value": 1}\n\n'],
  ])("gets a stream of type %s that is not of parts", async (type, piece) => {
    const walks = observed(new Response(piece.repeat(3), { headers: { "Content-Type": type } }));
    expect(await (await fetch(PAGE)).text()).toBe(piece.repeat(3));
    await frame();
    expect(walks.all).toEqual([]);
    expect(debug.mock.calls.length).toBeLessThan(2);
  });

  test("ends a stream that it leaves", async () => {
    const { response, read } = endless(line("a"), "application/jsonl");
    const walks = observed(response);
    const reader = (await fetch(PAGE)).body.getReader();
    await reader.read();
    await reader.cancel();
    expect(read.isCancelled).toBe(true);
    await known(walks, 1);
  });

  test("gets a stream with the address, status and headers of its response", async () => {
    const headers = { "Content-Type": "application/jsonl", "X-Other": "1" };
    const given = new Response(line("a"), { status: 203, statusText: "Fine", headers });
    Object.defineProperty(given, "url", { value: PAGE });
    Object.defineProperty(given, "redirected", { value: true });
    observed(given);
    const { url, redirected, status, statusText, type, headers: told } = await fetch(PAGE);
    expect({ url, redirected, status, statusText, type }).toEqual({
      url: PAGE,
      redirected: true,
      status: 203,
      statusText: "Fine",
      type: given.type,
    });
    expect(Object.fromEntries(told)).toEqual({
      "content-type": "application/jsonl",
      "x-other": "1",
    });
  });

  test.each([
    ["page", () => json(pageOf(["a"], null))],
    ["stream", () => new Response(line("a"), { headers: { "Content-Type": "application/jsonl" } })],
  ])("gets its %s where the timeline makes a mistake", async (_, answer) => {
    vi.stubGlobal("fetch", async () => answer());
    const tell = vi.fn(() => {
      throw new Error("a mistake");
    });
    ends.push(observe(tell));
    expect(await (await fetch(PAGE)).text()).toContain('"a"');
    await vi.waitFor(() => expect(tell).toHaveBeenCalled());
    await vi.waitFor(() => expect(debug).toHaveBeenCalledTimes(1));
  });

  test("gets the error of a request that fails or is aborted", async () => {
    const rejected = vi.fn();
    process.on("unhandledRejection", rejected);
    onTestFinished(() => process.off("unhandledRejection", rejected));
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("Failed to fetch");
    });
    observedFetch();
    await expect(fetch(PAGE)).rejects.toThrow("Failed to fetch");
    ends.pop()();
    vi.unstubAllGlobals();

    const { url } = await streamer(async (response) => {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.write('{"results": [');
    });
    observedFetch();
    const control = new AbortController();
    const response = await fetch(url, {
      signal: control.signal,
      headers: { Accept: "application/json" },
    });
    const read = response.json();
    control.abort();
    await expect(read).rejects.toThrow(/abort/);
    await frame();
    expect(rejected).not.toHaveBeenCalled();
  });

  test("may fetch by a URL, an address or a Request", async () => {
    const walks = observed(
      json(pageOf(["a"], null)),
      json(pageOf(["b"], null)),
      json(pageOf(["c"], null)),
    );
    await fetch(new URL(PAGE));
    await fetch("/api/");
    await fetch(new Request(PAGE, { headers: { "Last-Event-ID": "one" } }));
    await known(walks, 3);
    expect(walks.all.map(({ group }) => group)).toEqual([PAGE, "/api/", PAGE]);
  });

  test("is told at once what arrives in a hidden tab, which has no frames", async () => {
    vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    onTestFinished(() => vi.restoreAllMocks());
    vi.stubGlobal("requestAnimationFrame", () => {});
    const walks = observed(json(pageOf(["a"], null)));
    await fetch(PAGE);
    await known(walks, 1);
    const [{ arrived, shown }] = walks.all[0].parts;
    expect(shown - arrived).toBeLessThan(100);
  });
});
