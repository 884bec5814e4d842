import { describe, expect, onTestFinished, test, vi } from "vitest";

import { PartstreamError } from "../partstream.js";
import { all, namesOf } from "./server.js";
import {
  answer,
  cut,
  follow,
  freeze,
  hang,
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
    ["502 with HTML", HTML],
    ["500", refusal(500, "error")],
    ["200 with HTML", login],
  ])("%s makes it pages", async (_, way) => {
    const { names, asked } = await follow(way);
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "page start", "page b"]);
  });

  test("502 with HTML in the middle of a walk makes the rest pages", async () => {
    const { names, asked } = await follow(cut(1), HTML);
    expect(names).toEqual(PARTS);
    expect(asked).toEqual(["stream start", "stream a", "page a", "page c"]);
  });

  test.each([
    ["HTML in place of pages too", HTML, { status: 502, message: "502 Bad Gateway" }],
    ["a form in place of pages too", login, { message: "The answer is no page of parts." }],
  ])("%s is the error of the page", async (_, way, error) => {
    const { url, asked } = await streamer(way, way);
    const walk = all(streamed(url));
    await expect(walk).rejects.toMatchObject({ name: "PartstreamError", ...error });
    expect(asked).toEqual(["stream start", "page start"]);
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
    await expect(all(streamed("http://127.0.0.1:1/"))).rejects.toThrow("fetch failed");
  });
});

test.each([
  [400, "invalid_cursor"],
  [401, "not_authenticated"],
  [403, "permission_denied"],
  [404, "not_found"],
  [429, "throttled"],
])("%i for a stream is an error at once", async (status, code) => {
  const { url, asked } = await streamer(refusal(status, code));
  const error = await all(streamed(url)).catch((it) => it);
  expect(error).toBeInstanceOf(PartstreamError);
  expect(error).toMatchObject({ status, code, message: `This is ${code}.` });
  expect(asked).toEqual(["stream start"]);
});

