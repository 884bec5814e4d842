import { describe, expect, onTestFinished, test, vi } from "vitest";

import { PartstreamError } from "../partstream.js";
import { all, namesOf } from "./server.js";
import {
  answer,
  cut,
  follow,
  freeze,
  hang,
  hurry,
  nothing,
  page,
  PARTS,
  refusal,
  streamed,
  streamer,
  until,
} from "./streamer.js";

const HTML = answer(502, "text/html", "<h1>Bad Gateway</h1>");

describe("where no stream comes through", () => {
  const login = answer(200, "text/html", "<form>Sign in</form>");

  test("a JSON page in its place is taken, and pages follow", async () => {
    const { names, asked } = await follow(page);
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "page b"]);
  });

  test.each([
    ["406", refusal(406, "not_acceptable")],
    ["501", refusal(501, "error")],
    ["200 with HTML", login],
  ])("%s makes it pages", async (_, way) => {
    const { names, asked } = await follow(way);
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "page start", "page b"]);
  });

  test.each([
    ["502 with HTML", HTML],
    ["500", refusal(500, "error")],
  ])("%s, twice, makes it pages", async (_, way) => {
    const waits = hurry();
    const { names, asked } = await follow(way, way);
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "stream start", "page start", "page b"]);
    expect(waits).toHaveLength(2);
  });

  test("502 with HTML behind a part that came makes the rest pages after two", async () => {
    hurry();
    const { names, asked } = await follow(cut(1), HTML);
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "stream a", "page a", "page c"]);
  });

  test("a form in place of pages too is the error of the page", async () => {
    const { url, asked } = await streamer(login, login);
    const walk = all(streamed(url));
    const message = "The answer is no page of parts.";
    await expect(walk).rejects.toMatchObject({ name: "PartstreamError", message });
    expect(asked).toEqual(["stream start", "page start"]);
  });

  test("because its module does not come through makes it pages", async () => {
    vi.resetModules();
    vi.doMock("../stream.js", () => {
      throw new TypeError("Failed to fetch dynamically imported module");
    });
    onTestFinished(() => vi.doUnmock("../stream.js"));
    const { parts } = await import("../partstream.js");
    const { url, asked } = await streamer();
    expect(namesOf(await all(parts(url, { stream: true })))).toEqual(PARTS);
    expect(asked).toEqual(["page start", "page b"]);
  });

  test.each([
    ["a response without a first byte", nothing],
    ["headers without a first byte of the body", hang(0)],
  ])("%s makes it pages after 3 seconds", async (_, way) => {
    freeze();
    const { url, asked } = await streamer(way);
    const reads = vi.spyOn(ReadableStreamDefaultReader.prototype, "read");
    onTestFinished(() => reads.mockRestore());
    const walk = streamed(url);
    const first = walk.next();
    await until(() => (way === nothing ? asked : reads.mock.calls).length === 1);
    await vi.advanceTimersByTimeAsync(2_999);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect((await first).value.name).toBe("a");
    expect(namesOf(await all(walk))).toEqual(["b", "c", "d"]);
    expect(asked).toEqual(["stream start", "page start", "page b"]);
  });

  test("because the browser has no AbortSignal.any() makes it pages", async () => {
    vi.stubGlobal("AbortSignal", Object.assign(class {}, { any: undefined }));
    onTestFinished(() => vi.unstubAllGlobals());
    const { names, asked } = await follow();
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["page start", "page b"]);
  });

  test("because nobody answers rejects with the error of fetch()", async () => {
    const walk = all(streamed("http://127.0.0.1:1/", { patience: 0 }));
    await expect(walk).rejects.toThrow("fetch failed");
  });
});

test.each([
  [400, "invalid_cursor"],
  [401, "not_authenticated"],
  [403, "permission_denied"],
  [404, "not_found"],
])("%i for a stream is an error at once", async (status, code) => {
  const { url, asked } = await streamer(refusal(status, code));
  const error = await all(streamed(url)).catch((it) => it);
  expect(error).toBeInstanceOf(PartstreamError);
  expect(error).toMatchObject({ status, code, message: `This is ${code}.` });
  expect(asked).toEqual(["stream start"]);
});
