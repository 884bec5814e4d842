// Walks that meet trouble which passes, and trouble which lasts.

import { describe, expect, onTestFinished, test, vi } from "vitest";

import { ProgressiveLoader } from "../loader.js";
import { follow as followPages, parts, PartstreamError } from "../partstream.js";
import "../stream.js"; // here, since a stopped clock would stop the loading of a module
import { walk } from "../walk.js";
import { all, namesOf } from "./server.js";
import {
  cut,
  dropped,
  exactly,
  FAILURE,
  hurry,
  line,
  page,
  pageOf,
  PARTS,
  streamer,
} from "./streamer.js";
import {
  brokenStream,
  busy,
  lost,
  numbers,
  passing,
  stopClock,
  troubled,
  URL_OF_ALL,
} from "./troubled.js";

/** Walk over a troubled server: the names of the parts, or the error, and the requests. */
function walking(trouble, options = {}) {
  const { fetch, asked, times } = troubled(trouble);
  const came = [];
  const state = { came, asked, times, error: undefined, isOver: false };
  const walk = async () => {
    for await (const { name } of parts(URL_OF_ALL, { fetch, ...options })) came.push(name);
  };
  state.end = walk()
    .catch((error) => {
      state.error = error;
    })
    .finally(() => {
      state.isOver = true;
    });
  return state;
}

const once =
  (number, ...met) =>
  (now) =>
    now === number ? met[0]() : undefined;
const during =
  (from, to, met = lost) =>
  (_, at) =>
    at >= from * 1000 && at < to * 1000 ? met() : undefined;

describe("trouble that passes", () => {
  test.each([
    ["an error of fetch()", lost],
    ["another error of the caller's fetch()", () => new Error("no route")],
    [
      "an error with the name AbortError that no signal caused",
      () => new DOMException("", "AbortError"),
    ],
    ...[408, 425, 429, 500, 502, 503, 504].map((status) => [`${status}`, () => busy(status)]),
    ...[520, 521, 522, 523, 524].map((status) => [`${status} of a CDN`, () => busy(status)]),
    ["a body that breaks off", () => new Response(brokenStream('{"results": [').body)],
  ])("%s is waited out, and the walk goes on at its cursor", async (_, met) => {
    const waits = hurry();
    for (const number of [0, 1, 3]) {
      const walk = walking(once(number, met));
      await walk.end;
      expect(walk.error).toBe(undefined);
      expect(walk.came).toEqual(PARTS);
      const asked = ["page start", "page a", "page b", "page c"];
      expect(walk.asked).toEqual(asked.toSpliced(number, 0, asked[number]));
    }
    expect(waits).toHaveLength(3);
  });

  test("is waited out where fetch() throws before it returns a promise", async () => {
    hurry();
    const { fetch, asked } = troubled();
    let isFirst = true;
    const throwing = (...request) => {
      if (!isFirst) return fetch(...request);
      isFirst = false;
      throw lost();
    };
    expect(namesOf(await all(parts(URL_OF_ALL, { fetch: throwing })))).toEqual(PARTS);
    expect(asked).toHaveLength(4);
  });

  test("is waited out on a real connection that breaks before, or within, an answer", async () => {
    hurry();
    const half = (response) => {
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": 1000 });
      response.write('{"results": [{"a": ', () => response.destroy());
    };
    for (const way of [dropped, half]) {
      const { url, asked } = await streamer(way, page, way, way);
      expect(namesOf(await all(parts(url)))).toEqual(PARTS);
      expect(asked).toEqual(["page start", "page start", ...Array(3).fill("page b")]);
    }
  });

  test("does not hide that a cursor expired meanwhile", async () => {
    hurry();
    const expired = () => Response.json({ code: "cursor_expired" }, { status: 410 });
    const walk = walking((number) => [, lost(), expired(), lost()][number]);
    await walk.end;
    expect(walk.came).toEqual(PARTS);
    expect(walk.asked.slice(0, 5)).toEqual([
      "page start",
      "page a",
      "page a",
      "page start",
      "page start",
    ]);
  });

  test("does not disturb the wait for a pending part", async () => {
    const waits = hurry();
    const pending = [{ part: "b", retry_after: 3, progress: null }];
    const { url, asked } = await streamer(
      exactly(["a"], "1", pending),
      dropped,
      exactly([], "2", pending),
      dropped,
      exactly(["b"], null),
    );
    const onPending = vi.fn();
    expect(namesOf(await all(parts(url, { onPending })))).toEqual(["a", "b"]);
    expect(waits.map((wait) => wait === 3000)).toEqual([false, true, false]);
    expect(asked).toEqual(["page start", "page 1", "page 1", "page 2", "page 2"]);
    expect(onPending.mock.calls.map(([told]) => namesOf(told))).toEqual([["b"], ["b"], []]);
  });
});

describe("trouble that no retry mends", () => {
  test.each([
    ...[400, 401, 403, 404, 405, 406, 409, 422, 501, 505].map((status) => [
      `${status}`,
      () => busy(status),
      { status },
    ]),
    ["410 for the first page", () => busy(410), { status: 410 }],
    ["200 with HTML", () => new Response("<form>"), { status: 200, message: /no page/ }],
    ["200 with JSON that is no page", () => Response.json({}), { status: 200, message: /no page/ }],
  ])("such as %s is an error at once", async (_, met, error) => {
    const { message, ...own } = error;
    const waits = hurry();
    const onWaiting = vi.fn();
    const walk = walking(once(0, met), { onWaiting });
    await walk.end;
    expect(walk.error).toBeInstanceOf(PartstreamError);
    expect(walk.error).toMatchObject(own);
    if (message) expect(walk.error.message).toMatch(message);
    expect(walk.asked).toHaveLength(1);
    expect(waits).toEqual([]);
    expect(onWaiting).not.toHaveBeenCalled();
  });

  test.each([
    ["an address that is none", () => parts("http://["), /Invalid URL/],
    ["a header that is none", () => parts(URL_OF_ALL, { headers: { "no header": 1 } }), /header/i],
  ])("such as %s is an error at once", async (_, begin, message) => {
    const waits = hurry();
    await expect(all(begin())).rejects.toThrow(message);
    expect(waits).toEqual([]);
  });

  test("such as a cursor that goes in circles is an error at once", async () => {
    const waits = hurry();
    const walk = walking(() => Response.json(pageOf(["a"], "again")));
    await walk.end;
    expect(walk.error.message).toBe("The same parts come again and again.");
    expect(walk.came).toEqual(["a"]);
    expect(waits).toEqual([]);
  });
});

describe("the wait", () => {
  test("is 0.5 to 1 second, then twice as long each time, and 5 to 10 seconds at most", async () => {
    for (const [random, first, most] of [
      [0, 500, 5000],
      [0.999999, 1000, 10_000],
    ]) {
      const spy = vi.spyOn(Math, "random").mockReturnValue(random);
      const waits = hurry();
      await walking(() => lost(), { patience: 100 }).end;
      spy.mockRestore();
      vi.unstubAllGlobals();
      const rounded = waits.map((wait) => Math.round(wait));
      const growing = [1, 2, 4, 8].map((times) => first * times);
      expect(rounded.slice(0, 6)).toEqual([...growing, most, most]);
    }
  });

  test("begins anew behind each page that comes", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    onTestFinished(() => vi.restoreAllMocks());
    const waits = hurry();
    await walking((number) => ([0, 1, 2, 4, 6].includes(number) ? lost() : undefined)).end;
    expect(waits).toEqual([500, 1000, 2000, 500, 500]);
  });

  const at = (seconds) => new Date(Date.now() + seconds * 1000).toUTCString();

  test.each([
    ["in seconds", 429, () => "7", 7],
    ["in seconds", 503, () => "13", 13],
    ["as a date", 503, () => at(20), 20],
  ])("is as long as Retry-After says, %s", async (_, status, told, seconds) => {
    stopClock();
    vi.setSystemTime(0);
    const walk = walking(once(1, () => busy(status, { "Retry-After": told() })));
    await passing(seconds - 0.02);
    expect(walk.asked).toEqual(["page start", "page a"]);
    await passing(0.04);
    expect(walk.asked.slice(0, 3)).toEqual(["page start", "page a", "page a"]);
    await passing(0.1);
    expect(walk.came).toEqual(PARTS);
  });

  test.each(["0", "-5", "soon", "", "Wed, 21 Oct 2015 07:28:00 GMT"])(
    "is the ordinary one where Retry-After is %j",
    async (told) => {
      vi.spyOn(Math, "random").mockReturnValue(0);
      onTestFinished(() => vi.restoreAllMocks());
      const waits = hurry();
      const walk = walking(once(0, () => busy(503, { "Retry-After": told })));
      await walk.end;
      expect(walk.came).toEqual(PARTS);
      expect(waits).toEqual([500]);
    },
  );

  test("does not begin where Retry-After is longer than the patience that is left", async () => {
    const waits = hurry();
    const walk = walking(once(1, () => busy(429, { "Retry-After": "61" })));
    await walk.end;
    expect(walk.error).toMatchObject({ status: 429, retryAfter: 61 });
    expect(waits).toEqual([]);
    const patient = walking(
      once(1, () => busy(429, { "Retry-After": "61" })),
      { patience: 90 },
    );
    await patient.end;
    expect(patient.came).toEqual(PARTS);
    expect(waits).toEqual([61_000]);
  });

  test("ends at once when the network comes back, where that was the trouble", async () => {
    const heard = new EventTarget();
    for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) {
      vi.stubGlobal(name, heard[name].bind(heard));
    }
    const removed = vi.spyOn(globalThis, "removeEventListener");
    onTestFinished(() => vi.unstubAllGlobals());
    stopClock();
    const walk = walking(once(0, lost));
    await passing(0.1);
    expect(walk.asked).toHaveLength(1);
    dispatchEvent(new Event("online"));
    await passing(0.1);
    expect(walk.came).toEqual(PARTS);
    expect(walk.times[1]).toBeLessThan(200);
    expect(removed).toHaveBeenCalledOnce();

    const told = walking(once(0, () => busy(503, { "Retry-After": "5" })));
    await passing(0.1);
    dispatchEvent(new Event("online"));
    await passing(4.5);
    expect(told.asked).toHaveLength(1);
    await passing(0.5);
    expect(told.came).toEqual(PARTS);
  });
});

describe("patience", () => {
  test.each([
    [undefined, 60],
    [5, 5],
    [0.2, 0.2],
  ])(
    "%s ends the walk with the last error after %d seconds without a page",
    async (patience, limit) => {
      stopClock();
      let count = 0;
      const walk = walking(
        (number) => (number > 0 ? new TypeError(`Failure ${(count += 1)}`) : undefined),
        { patience },
      );
      await passing(limit - 0.02);
      expect(walk.isOver).toBe(false);
      await passing(0.05);
      expect(walk.error.message).toBe(`Failure ${count}`);
      expect(walk.came).toEqual(["a"]);
      expect(count).toBeGreaterThan(1);
      expect(Math.abs(walk.times.at(-1) - limit * 1000)).toBeLessThan(20);
    },
  );

  test("0 never waits", async () => {
    const waits = hurry();
    for (const met of [lost, () => busy(503, { "Retry-After": "1" })]) {
      const walk = walking(once(1, met), { patience: 0 });
      await walk.end;
      expect(walk.error).toBeInstanceOf(Error);
      expect(walk.asked).toHaveLength(2);
    }
    expect(waits).toEqual([]);
  });

  test("is as long again behind each page", async () => {
    stopClock();
    const walk = walking((number, at) => (Math.floor(at / 4000) % 2 ? undefined : lost()), {
      patience: 5,
    });
    await passing(40);
    expect(walk.came).toEqual(PARTS);
  });

  test("counts the time of requests that hang before they fail", async () => {
    stopClock();
    const fetch = () => new Promise((_, reject) => setTimeout(reject, 21_000, lost()));
    const walk = walking(undefined, { fetch });
    await passing(92); // four requests, and three waits of up to 7 seconds together
    expect(walk.isOver).toBe(true);
    expect(walk.error.message).toBe("Failed to fetch");
  });

  test("is no option of fetch(), and neither is onWaiting", async () => {
    const given = [];
    const fetch = async (_, init) => {
      given.push(...Object.keys(init));
      return Response.json(pageOf(["a"], null));
    };
    await all(parts(URL_OF_ALL, { fetch, patience: 9, onWaiting: () => {}, mode: "cors" }));
    expect(given).toEqual(["mode", "headers"]);
  });
});

describe("onWaiting()", () => {
  const told = (onWaiting) => onWaiting.mock.calls.map(([error]) => error && error.message);

  test("is called with the error of each wait, and with null when the walk goes on", async () => {
    hurry();
    const onWaiting = vi.fn();
    const met = [lost(), busy(503), , lost()];
    await walking((number) => met[number], { onWaiting }).end;
    expect(told(onWaiting)).toEqual(["Failed to fetch", "503", null, "Failed to fetch", null]);
  });

  test("is not called where there is no trouble", async () => {
    const onWaiting = vi.fn();
    await walking(undefined, { onWaiting }).end;
    expect(onWaiting).not.toHaveBeenCalled();
  });

  test("is called with null when the walk gives up", async () => {
    hurry();
    const onWaiting = vi.fn();
    const walk = walking(() => lost(), { onWaiting, patience: 1 });
    await walk.end;
    expect(walk.error.message).toBe("Failed to fetch");
    expect(told(onWaiting).at(-1)).toBe(null);
    expect(told(onWaiting).slice(0, -1)).toEqual(
      Array(walk.asked.length - 1).fill("Failed to fetch"),
    );
  });

  test("ends the walk with the error that it throws", async () => {
    const onWaiting = () => {
      throw new Error("no such banner");
    };
    const walk = walking(once(0, lost), { onWaiting });
    await walk.end;
    expect(walk.error.message).toBe("no such banner");
  });
});

describe("a signal that aborts during a wait", () => {
  test.each([
    ["pages", { stream: false }],
    ["a stream", { stream: true }],
    ["one part", { only: "b" }],
  ])("ends a walk over %s at once, with its reason, and leaves no timer", async (_, options) => {
    stopClock();
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    onTestFinished(() => vi.restoreAllMocks());
    const controller = new AbortController();
    const { signal } = controller;
    const [added, removed] = ["addEventListener", "removeEventListener"].map((name) =>
      vi.spyOn(signal, name),
    );
    const onWaiting = vi.fn();
    const walk = walking(() => lost(), { signal, onWaiting, ...options });
    await passing(10);
    expect(walk.isOver).toBe(false);
    const requests = walk.asked.length;
    const timers = vi.getTimerCount(); // one of them may be of fetch() in Node.js
    controller.abort(new Error("the user left"));
    await walk.end;
    expect(walk.error.message).toBe("the user left");
    expect(vi.getTimerCount()).toBe(timers - 1);
    expect(cleared).toHaveBeenCalled();
    expect(removed.mock.calls).toEqual(added.mock.calls);
    expect(onWaiting).toHaveBeenLastCalledWith(null);
    await passing(30);
    expect(walk.asked).toHaveLength(requests);
  });

  test("rejects with null where that is its reason", async () => {
    stopClock();
    const controller = new AbortController();
    const walk = walking(() => lost(), { signal: controller.signal });
    await passing(0.1);
    controller.abort(null);
    await walk.end;
    expect([walk.isOver, walk.error]).toEqual([true, null]);
  });

  test("before onWaiting() returns begins no wait", async () => {
    const waits = hurry();
    const controller = new AbortController();
    const onWaiting = () => controller.abort(new Error("enough"));
    const walk = walking(() => lost(), { signal: controller.signal, onWaiting });
    await walk.end;
    expect(walk.error.message).toBe("enough");
    expect(waits).toEqual([]);
  });
});

describe("follow()", () => {
  const source = (...pages) => {
    const asked = [];
    const pageAt = async (cursor) => {
      const page = pages[asked.push(cursor) - 1];
      if (page instanceof Error) throw page;
      return page;
    };
    return Object.assign(pageAt, { asked });
  };
  const withStatus = (status, more) => Object.assign(new Error(`${status}`), { status, ...more });

  test("waits out what fetch() throws, and the statuses that may pass", async () => {
    const waits = hurry();
    const onWaiting = vi.fn();
    const pageAt = source(
      lost(),
      pageOf(["a"], "1"),
      withStatus(503),
      withStatus(429, { retryAfter: 7 }),
      pageOf(["b"], null),
    );
    expect(namesOf(await all(followPages(pageAt, { onWaiting })))).toEqual(["a", "b"]);
    expect(pageAt.asked).toEqual([null, null, "1", "1", "1"]);
    expect(waits).toHaveLength(3);
    expect(waits[2]).toBe(7000);
    expect(onWaiting).toHaveBeenCalledTimes(5);
  });

  test.each([
    ["with another status", withStatus(403)],
    ["that no fetch() throws", new Error("Permission denied")],
  ])("ends with an error %s at once", async (_, error) => {
    const waits = hurry();
    const pageAt = source(pageOf(["a"], "1"), error);
    await expect(all(followPages(pageAt))).rejects.toBe(error);
    expect(waits).toEqual([]);
  });

  test("gives up after its patience", async () => {
    const pageAt = source(...Array.from({ length: 50 }, lost));
    hurry();
    await expect(all(followPages(pageAt, { patience: 3 }))).rejects.toThrow("Failed to fetch");
    expect(pageAt.asked.length).toBeGreaterThan(2);
    expect(pageAt.asked.length).toBeLessThan(6);
  });
});

describe("a stream whose network is gone", () => {
  test("goes on as a stream at its last cursor", async () => {
    hurry();
    const walk = walking(
      (number) => [brokenStream(line("a"), line("b")), lost(), lost(), lost()][number],
      { stream: true },
    );
    await walk.end;
    expect(walk.came).toEqual(PARTS);
    expect(walk.asked).toEqual(["stream start", ...Array(4).fill("stream b")]);
  });

  test("asks for a page at every fifth request, and for streams again if that is lost too", async () => {
    hurry();
    const walk = walking((number) => (number < 7 ? lost() : undefined), { stream: true });
    await walk.end;
    expect(walk.came).toEqual(PARTS);
    const streams = Array(4).fill("stream start");
    expect(walk.asked).toEqual([...streams, "page start", ...streams.slice(1)]);
  });

  test("though pages come through goes on as pages", async () => {
    hurry();
    const walk = walking((_, __, what) => (what.startsWith("stream") ? lost() : undefined), {
      stream: true,
    });
    await walk.end;
    expect(walk.came).toEqual(PARTS);
    expect(walk.asked.slice(3)).toEqual([
      "stream start",
      "page start",
      "page a",
      "page b",
      "page c",
    ]);
  });

  test("gives up after its patience, with the last error", async () => {
    stopClock();
    const walk = walking((number) => (number ? lost() : brokenStream(line("a"))), { stream: true });
    await passing(59.9);
    expect(walk.isOver).toBe(false);
    await passing(0.2);
    expect(walk.error.message).toBe("Failed to fetch");
    expect(walk.came).toEqual(["a"]);
  });
});

describe("a stream of a busy server", () => {
  test.each([408, 425, 429, 503])("%i is asked for again after Retry-After", async (status) => {
    const waits = hurry();
    const walk = walking(
      once(0, () => busy(status, { "Retry-After": "9" })),
      { stream: true },
    );
    await walk.end;
    expect(walk.came).toEqual(PARTS);
    expect(waits).toEqual([9000]);
    expect(walk.asked).toEqual(["stream start", "stream start"]);
  });

  test("that gives no page either ends with its error", async () => {
    hurry();
    const walk = walking(() => busy(503), { stream: true });
    await walk.end;
    expect(walk.error).toMatchObject({ status: 503 });
    expect(walk.asked.slice(0, 3)).toEqual(["stream start", "stream start", "page start"]);
  });
});

describe("a walk with a fifth of its requests dropped", () => {
  const SEEDS = 150;

  test.each([
    ["pages", false],
    ["streams", true],
  ])("brings each part once, over %s of a real server", async (_, stream) => {
    hurry();
    const random = numbers(20);
    let drops = 0;
    const fairly = (way) => (response, request) => {
      if (random() >= 0.2) return way(response, request);
      drops += 1;
      return random() < 0.5 ? dropped(response) : half(response, request);
    };
    const half = (response, { accept, left }) =>
      accept.startsWith("application/jsonl")
        ? cut(Math.floor(random() * left.length), '{"name": "')(response, { left })
        : response.writeHead(200, { "Content-Length": 99 }).write("{", () => response.destroy());
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { url, asked } = await streamer(
        ...Array.from({ length: 40 }, () => (response, request) => {
          const isStream = request.accept.startsWith("application/jsonl");
          return fairly(isStream ? cut(Infinity, '{"meta":{},"cursor":null}\n') : page)(
            response,
            request,
          );
        }),
      );
      const came = await all(parts(url, { stream })).catch((error) => [{ name: error.message }]);
      expect({ seed, asked, came: namesOf(came) }).toEqual({ seed, asked, came: PARTS });
    }
    expect(drops).toBeGreaterThan(SEEDS / 6);
  });

  test("and thirty seconds without a network brings each part once", async () => {
    stopClock();
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = numbers(seed);
      const stream = seed % 2 === 0;
      const from = stream ? 1 : seed % 4;
      const trouble = (number, at) => {
        const isOut = number >= from && at < 30_000;
        if (isOut || random() < 0.2) return random() < 0.8 ? lost() : busy(502);
        return stream && number === 0 ? brokenStream(line("a")) : undefined;
      };
      const states = [];
      const onWaiting = (error) => states.push(error !== null);
      const walk = walking(trouble, { stream, onWaiting });
      await passing(29.9);
      expect(walk.isOver).toBe(false);
      expect(states.at(-1)).toBe(true);
      await passing(60);
      expect({ seed, came: walk.came, error: walk.error }).toEqual({
        seed,
        came: PARTS,
        error: undefined,
      });
      expect(states.at(-1)).toBe(false);
    }
  });
});

describe("ProgressiveLoader", () => {
  test("heals as parts() does", async () => {
    const waits = hurry();
    const { fetch, asked } = troubled((number) => (number === 1 ? lost() : undefined));
    const onWaiting = vi.fn();
    const loader = new ProgressiveLoader(URL_OF_ALL, { fetch, onWaiting });
    expect((await loader.loadAll()).flatMap(Object.keys)).toEqual(PARTS);
    expect(asked).toHaveLength(5);
    expect(waits).toHaveLength(1);
    expect(onWaiting).toHaveBeenCalledTimes(2);
  });

  test("ends a retry at once when its signal aborts", async () => {
    stopClock();
    const controller = new AbortController();
    const { fetch } = troubled((_, __, what) => (what.includes(" of ") ? lost() : undefined));
    const loader = new ProgressiveLoader(URL_OF_ALL, { fetch, signal: controller.signal });
    await loader.loadAll();
    const retried = loader.retry("b").catch((error) => error);
    await passing(1);
    controller.abort(new Error("enough"));
    expect((await retried).message).toBe("enough");
    expect(loader.allData.flatMap(Object.keys)).toEqual(PARTS);
  });
});

describe("a walk with state", () => {
  function stateful(trouble, options) {
    const { fetch, asked } = troubled(trouble);
    const states = [];
    const it = walk(URL_OF_ALL, { fetch, ...options }, (state) => states.push(state));
    return { ...it, asked, states, now: () => states.at(-1) };
  }

  test("is waiting while there is trouble, and has no error until it gives up", async () => {
    stopClock();
    const onWaiting = vi.fn();
    const { states, now } = stateful(during(0, Infinity), { patience: 5, onWaiting });
    await passing(4.9);
    expect(now()).toMatchObject({ waiting: true, loading: true, error: null });
    expect(states[0].waiting).toBe(false);
    await passing(0.2);
    expect(now()).toMatchObject({ waiting: false, loading: false });
    expect(now().error.message).toBe("Failed to fetch");
    expect(states.filter(({ waiting, error }) => waiting && error)).toEqual([]);
    expect(onWaiting).toHaveBeenLastCalledWith(null);
  });

  test("is not waiting any more when it goes on", async () => {
    stopClock();
    const { now } = stateful(during(0, 3));
    await passing(1);
    expect(now().waiting).toBe(true);
    await passing(9);
    expect(now()).toMatchObject({ waiting: false, loading: false, error: null });
    expect(namesOf(now().parts)).toEqual(PARTS);
  });

  test("waits as long as the walk or any retry does", async () => {
    stopClock();
    let isOut = false;
    const onWaiting = vi.fn();
    const { retry, now } = stateful((number) => (number && isOut ? lost() : undefined), {
      onWaiting,
    });
    await passing(0.1);
    isOut = true;
    const first = new AbortController();
    retry(["a"], { signal: first.signal });
    retry("b");
    await passing(1);
    expect(now().waiting).toBe(true);
    first.abort();
    await passing(0.1);
    expect(now()).toMatchObject({ waiting: true, loading: true, error: null });
    expect(onWaiting.mock.lastCall[0]).toBeInstanceOf(TypeError);
    isOut = false;
    await passing(10);
    expect(now()).toMatchObject({ waiting: false, loading: false, error: null });
    expect(onWaiting).toHaveBeenLastCalledWith(null);
    expect(onWaiting.mock.calls.filter(([error]) => error === null)).toHaveLength(1);
  });

  test("leaves a part as it is when the signal of its retry aborts", async () => {
    stopClock();
    const failed = { ...pageOf(["a", "b"], null), errors: [{ ...FAILURE, index: 1 }] };
    const { retry, now } = stateful((number) => (number ? lost() : Response.json(failed)));
    await passing(0.1);
    const before = now();
    const controller = new AbortController();
    const retried = retry(["b"], { signal: controller.signal });
    await passing(1);
    expect(now()).toMatchObject({ loading: true, waiting: true });
    controller.abort();
    await retried;
    expect(now()).toEqual(before);
  });

  test("asks for nothing by an empty array, and for all failed parts by an event", async () => {
    const failed = { ...pageOf(["a", "b"], null), errors: [{ ...FAILURE, index: 1 }] };
    const { retry, asked, now } = stateful((number) =>
      number ? undefined : Response.json(failed),
    );
    await vi.waitFor(() => expect(now().loading).toBe(false));
    await retry([]);
    expect(asked).toHaveLength(1);
    await retry(new Event("click"));
    expect(asked.slice(1)).toEqual(["page start of b"]);
    expect(now().parts[1]).toEqual({ name: "b", value: "b", error: null });
  });

  test("that was stopped while it waited tells that it does not wait any more", async () => {
    stopClock();
    const onWaiting = vi.fn();
    const { stop, states } = stateful(during(0, 99), { onWaiting });
    await passing(1);
    const told = states.length;
    stop();
    await passing(10);
    expect(states).toHaveLength(told);
    expect(onWaiting).toHaveBeenLastCalledWith(null);
  });
});
