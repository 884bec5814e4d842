// Walks over streams that misbehave in any mix.

import { expect, test } from "vitest";

import { all, namesOf } from "./server.js";
import { answer, cut, line, lines, page, PARTS, refusal, streamed, streamer } from "./streamer.js";

/** Numbers from 0 to 1, always the same for a seed (mulberry32). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Only a cursor can have expired.
const tooOld = (response, request) =>
  (request.cursor ? refusal(410, "cursor_expired") : cut(1))(response, request);

const WAYS = [
  (after) => cut(after),
  (after) => cut(after, line("d").slice(0, 3 + after * 5)),
  (after) => cut(after, "no JSON\n"),
  () => lines(" ", '{"progress":{"name":"b"}}\n'),
  () => refusal(406, "not_acceptable"),
  () => answer(502, "text/html", "<h1>Bad Gateway</h1>"),
  () => answer(200, "text/html", "<form>Sign in</form>"),
  () => tooOld,
  () => page,
];

// Pages come whole, as they do without streams.
const fairly = (way) => (response, request) => {
  const isPage = !request.accept.startsWith("application/jsonl");
  return (isPage ? page : way)(response, request);
};

test("each part comes once, however streams break and are refused", async () => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = numbers(seed);
    const upTo = (most) => Math.floor(random() * (most + 1));
    const ways = Array.from({ length: upTo(5) }, () =>
      fairly(WAYS[upTo(WAYS.length - 1)](upTo(4))),
    );
    const { url, asked } = await streamer(...ways);
    const came = await all(streamed(url)).catch((error) => [{ name: error.message }]);
    expect({ seed, asked, came: namesOf(came).toSorted() }).toEqual({ seed, asked, came: PARTS });
    expect(asked.length).toBeLessThan(16);
  }
});
