import { describe, expect, onTestFinished, test, vi } from "vitest";

import { ProgressiveLoader } from "../loader.js";
import { all, namesOf, serve } from "./server.js";
import {
  cut,
  end,
  FAILURE,
  follow,
  freeze,
  hang,
  line,
  lines,
  page,
  PARTS,
  progress,
  refusal,
  streamed,
  streamer,
  until,
} from "./streamer.js";

describe("a stream", () => {
  test("gives each part once, from one request", async () => {
    const { url, asked } = await streamer();
    const came = await all(streamed(url));
    expect(came).toEqual(
      PARTS.map((name) => ({ name, value: { is: `${name}é😀` }, error: null, total: null })),
    );
    expect(asked).toEqual(["stream start"]);
  });

  test("gives a part while later parts are still being computed", async () => {
    let response;
    const url = await serve((it) => {
      response = it;
      response.setHeader("Content-Type", "application/jsonl");
      response.write(` ${line("a")}`);
    });
    const walk = streamed(url);
    for (const [name, next] of ["ab", "bc", "cd"]) {
      expect((await walk.next()).value.name).toBe(name);
      response.write(line(next));
    }
    expect((await walk.next()).value.name).toBe("d");
    response.end(end());
    expect((await walk.next()).done).toBe(true);
  });

  test("may come in chunks that end within a line and within a character", async () => {
    const { url, asked } = await streamer();
    const byBytes = new TransformStream({
      transform(chunk, controller) {
        for (const byte of chunk) controller.enqueue(Uint8Array.of(byte));
      },
    });
    const fetch = async (...request) => {
      const response = await globalThis.fetch(...request);
      return new Response(response.body.pipeThrough(byBytes), response);
    };
    const came = await all(streamed(url, { fetch }));
    expect(came.map(({ value }) => value.is)).toEqual(PARTS.map((name) => `${name}é😀`));
    expect(asked).toEqual(["stream start"]);
  });

  test("may have spaces, blank lines and lines of other kinds between its parts", async () => {
    const others = [progress("b", 0.3), '{"hint":"none"}\n', '{"progress":0.3,"name":"b"}\n'];
    const texts = [" ", line("a"), "  ", ...others, "\n", ` ${line("b")}`, "\r\n", end()];
    const { names, asked } = await follow(lines(...texts));
    expect(names).toEqual(["a", "b"]);
    expect(asked).toHaveLength(1);
  });

  test("has a failed part with its error, which a request for that part mends", async () => {
    const failed = JSON.stringify({ name: "b", value: null, error: FAILURE, cursor: "b" });
    const { url, asked } = await streamer(lines(line("a"), `${failed}\n`, end()));
    const came = await all(streamed(url));
    expect(came[1]).toEqual({ name: "b", value: null, error: { ...FAILURE, index: 0 }, total: null });
    expect(namesOf(await all(streamed(url, { only: "b" })))).toEqual(["b"]);
    expect(asked).toEqual(["stream start", "stream start"]);
  });

  test("leaves no timer behind, for which Node.js would wait", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    onTestFinished(() => vi.restoreAllMocks());
    const { url } = await streamer();
    await all(streamed(url));
    // Ours would reject with an error; the others are those of fetch().
    const limits = timers.mock.results.filter(
      (_, call) => timers.mock.calls[call][2] instanceof Error,
    );
    expect(limits.length).toBeGreaterThan(1);
    const ended = new Set(cleared.mock.calls.flat());
    expect(limits.every(({ value }) => ended.has(value))).toBe(true);
  });

  test("without parts gives no part", async () => {
    expect(await follow(lines(" ", end()))).toEqual({ names: [], asked: ["stream start"] });
  });

  test("whose walk has ended already is answered 204", async () => {
    const { names, asked } = await follow(cut(4), (response) => response.writeHead(204).end());
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "stream d"]);
  });

  test("asks for its type with the parameters of the caller's Accept", async () => {
    const accepts = [];
    const noted = (way) => (response, request) => {
      accepts.push(request.accept);
      return way(response, request);
    };
    const { url } = await streamer(noted(refusal(406, "not_acceptable")), noted(page));
    await all(streamed(url, { only: "a", headers: { Accept: "application/json; version=2" } }));
    expect(accepts).toEqual(["application/jsonl; version=2", "application/json; version=2"]);
  });
});

describe("a stream that breaks", () => {
  const half = line("b").slice(0, 12);

  test.each([
    ["behind a part", cut(1)],
    ["within a line", cut(1, half)],
    ["within a character", cut(1, Buffer.from(line("b")).subarray(0, line("b").indexOf("é") + 1))],
    ["in order, without a last line", lines(" ", line("a"))],
    ["with a line that is no JSON", lines(line("a"), "<h1>Bad Gateway</h1>\n", line("b"), end())],
    ["with a part that has no cursor", lines(line("a"), '{"name":"b","value":1}\n', end())],
  ])("%s goes on behind the last part", async (_, way) => {
    const { names, asked } = await follow(way);
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "stream a"]);
  });

  test("behind each part stays a stream", async () => {
    const { names, asked } = await follow(cut(1), cut(1), cut(1), cut(1));
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["start", "a", "b", "c", "d"].map((cursor) => `stream ${cursor}`));
  });

  test("before its first part starts again", async () => {
    const { names, asked } = await follow(cut(0));
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "stream start"]);
  });

  test("twice without a new part goes on as pages to the end", async () => {
    const { names, asked } = await follow(cut(1), cut(0));
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "stream a", "page a", "page c"]);
  });

  test("by silence behind a part goes on after 20 seconds", async () => {
    freeze();
    const { url, asked } = await streamer(hang(1));
    const walk = streamed(url);
    expect((await walk.next()).value.name).toBe("a");
    const second = walk.next();
    await vi.advanceTimersByTimeAsync(19_999);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect((await second).value.name).toBe("b");
    expect(namesOf(await all(walk))).toEqual(["c", "d"]);
    expect(asked).toEqual(["stream start", "stream a"]);
  });

  test("is no stream whose reader takes a minute for a part", async () => {
    freeze();
    const { url, asked } = await streamer();
    const came = [];
    for await (const { name } of streamed(url)) {
      came.push(name);
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect(came).toEqual(PARTS);
    expect(asked).toEqual(["stream start"]);
  });

  test("is no stream whose heartbeats come in time", async () => {
    freeze();
    let response;
    const url = await serve((it) => {
      response = it;
      response.setHeader("Content-Type", "application/jsonl");
      response.write(line("a"));
    });
    const reads = vi.spyOn(ReadableStreamDefaultReader.prototype, "read");
    onTestFinished(() => reads.mockRestore());
    const walk = streamed(url);
    await walk.next();
    const second = walk.next();
    for (let beats = 1; beats <= 4; beats += 1) {
      await vi.advanceTimersByTimeAsync(15_000);
      response.write(" ");
      await until(() => reads.mock.calls.length > 1 + beats);
    }
    response.end(line("b") + end());
    expect((await second).value.name).toBe("b");
  });

  test("and whose cursor has expired starts again without giving a part twice", async () => {
    const { names, asked } = await follow(cut(2), refusal(410, "cursor_expired"));
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "stream b", "stream start"]);
  });

  test("and whose pages have an expired cursor starts again with pages", async () => {
    const late = refusal(410, "cursor_expired");
    const { names, asked } = await follow(cut(2), cut(0), late);
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "stream b", "page b", "page start", "page b"]);
  });

  test("and begins with the same parts for ever ends the walk", async () => {
    const first = lines(line("a"));
    const { url } = await streamer(...Array(10).fill(first));
    const error = await all(streamed(url)).catch((it) => it);
    expect(error.message).toBe("The same parts come again and again.");
  });
});

describe("a stream that ends with pending parts", () => {
  test("is asked for again after a second, however often", async () => {
    freeze();
    const waiting = lines(" ", end("b"));
    const { url, asked } = await streamer(lines(line("a"), end("b")), waiting, waiting, waiting);
    const timers = vi.spyOn(globalThis, "setTimeout");
    const pauses = () => timers.mock.calls.filter(([, duration]) => duration === 1000).length;
    const walk = streamed(url);
    await walk.next();
    const second = walk.next();
    for (let times = 1; times <= 4; times += 1) {
      await until(() => pauses() === times);
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect((await second).value.name).toBe("c");
    expect(asked).toEqual(["stream start", ...Array(4).fill("stream b")]);
  });

  test("leaves no listener at the signal of a caller", async () => {
    freeze();
    const timers = vi.spyOn(globalThis, "setTimeout");
    const { signal } = new AbortController();
    const [added, removed] = ["addEventListener", "removeEventListener"].map((name) =>
      vi.spyOn(signal, name),
    );
    const { url } = await streamer(lines(line("a"), end("a")));
    const walk = all(streamed(url, { signal }));
    await until(() => timers.mock.calls.some(([, duration]) => duration === 1000));
    await vi.advanceTimersByTimeAsync(1000);
    await walk;
    expect(added).toHaveBeenCalled();
    expect(removed.mock.calls).toEqual(added.mock.calls);
  });

  test("and is aborted meanwhile ends at once, and leaves no timer", async () => {
    freeze();
    const timers = vi.spyOn(globalThis, "setTimeout");
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    const controller = new AbortController();
    const { url, asked } = await streamer(lines(end("a")));
    const walk = all(streamed(url, { signal: controller.signal }));
    await until(() => timers.mock.calls.some(([, duration]) => duration === 1000));
    controller.abort(new Error("the user left"));
    await expect(walk).rejects.toThrow("the user left");
    expect(asked).toHaveLength(1);
    const place = timers.mock.calls.findIndex(([, duration]) => duration === 1000);
    expect(cleared).toHaveBeenCalledWith(timers.mock.results[place].value);
  });
});

describe("a stream that is no longer wanted", () => {
  /** A server that hangs behind two parts, and a promise of the end of the connection. */
  async function hanging() {
    let gone;
    const closed = new Promise((resolve) => {
      gone = resolve;
    });
    const server = await streamer((response, request) => {
      response.on("close", gone);
      return hang(2)(response, request);
    });
    return { ...server, closed };
  }

  test("because its signal aborts closes the connection and rejects with the reason", async () => {
    const { url, asked, closed } = await hanging();
    const controller = new AbortController();
    const walk = streamed(url, { signal: controller.signal });
    await walk.next();
    await walk.next();
    const third = walk.next();
    controller.abort(new Error("the user left"));
    await expect(third).rejects.toThrow("the user left");
    await closed;
    expect(asked).toEqual(["stream start"]);
  });

  test("because its signal aborts with the reason null rejects with null", async () => {
    const { url, closed } = await hanging();
    const controller = new AbortController();
    const walk = all(streamed(url, { signal: controller.signal }));
    const reads = vi.spyOn(ReadableStreamDefaultReader.prototype, "read");
    onTestFinished(() => reads.mockRestore());
    await until(() => reads.mock.calls.length > 1);
    controller.abort(null);
    expect(await walk.catch((reason) => [reason])).toEqual([null]);
    await closed;
  });

  test("because the loop was left closes the connection", async () => {
    const { url, asked, closed } = await hanging();
    for await (const { name } of streamed(url)) if (name === "b") break;
    await closed;
    expect(asked).toEqual(["stream start"]);
  });

  test("before it began sends no request", async () => {
    const { url, asked } = await streamer();
    const walk = all(streamed(url, { signal: AbortSignal.abort(new Error("never mind")) }));
    await expect(walk).rejects.toThrow("never mind");
    expect(asked).toEqual([]);
  });

  test("between two parts of a chunk gives no other part", async () => {
    const { url } = await streamer();
    const controller = new AbortController();
    const walk = streamed(url, { signal: controller.signal });
    await walk.next();
    controller.abort(new Error("enough"));
    await expect(walk.next()).rejects.toThrow("enough");
  });
});

describe("ProgressiveLoader with a stream", () => {
  test("reports each part, and the end", async () => {
    const { url } = await streamer(cut(2));
    const reports = [];
    const loader = new ProgressiveLoader(url, { stream: true });
    const data = await loader.loadAll((report) => reports.push(report));
    expect(data.flatMap(Object.keys)).toEqual(PARTS);
    expect(reports.map(({ totalLoaded, hasMore }) => [totalLoaded, hasMore])).toEqual([
      [1, true],
      [2, true],
      [3, true],
      [4, true],
      [4, false],
    ]);
  });

  test("retries a failed part under the name that the server knows", async () => {
    const error = { ...FAILURE, part: "b" };
    const renamed = JSON.stringify({ name: "bRenamed", value: null, error, cursor: "b" });
    const mended = JSON.stringify({ name: "bRenamed", value: 7, cursor: "b" });
    const { url } = await streamer(
      lines(line("a"), `${renamed}\n`, end()),
      lines(`${mended}\n`, end()),
    );
    const loader = new ProgressiveLoader(url, { stream: true });
    await loader.loadAll();
    expect(loader.errors).toEqual([{ ...error, index: 0 }]);
    await loader.retry("bRenamed");
    expect(loader.errors).toEqual([]);
    expect(loader.allData[1]).toEqual({ bRenamed: 7 });
  });
});
