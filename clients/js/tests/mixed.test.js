// Walks over streams that misbehave in any mix.

import { expect, test } from "vitest";

import { all, namesOf } from "./server.js";
import {
  answer,
  cut,
  end,
  exactly,
  hurry,
  line,
  lines,
  page,
  PARTS,
  progress,
  refusal,
  streamed,
  streamer,
} from "./streamer.js";
import { numbers } from "./troubled.js";

// Only a cursor can have expired.
const tooOld = (response, request) =>
  (request.cursor ? refusal(410, "cursor_expired") : cut(1))(response, request);

// A cursor that names no part means the start.
const here = ({ cursor }) => cursor ?? "start";

const stillPending = (after) => (response, request) => {
  const { left } = request;
  const arrived = left.slice(0, after);
  const told = left.slice(Math.max(after - 1, 0)).map((name) => progress(name, 0.5, 0.5));
  lines(...told, ...arrived.map(line), end(arrived.at(-1) ?? here(request)))(response);
};

const pendingPage = (response, request) => {
  const pending = request.left.map((part) => ({ part, retry_after: 0.5, progress: null }));
  exactly([], here(request), pending)(response);
};

const WAYS = [
  (after) => stillPending(after),
  (after) => cut(after, progress("d", 0.5)),
  () => pendingPage,
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
  return (isPage && way !== pendingPage ? page : way)(response, request);
};

test("each part comes once, however streams break, wait and are refused", async () => {
  hurry();
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = numbers(seed);
    const upTo = (most) => Math.floor(random() * (most + 1));
    const ways = Array.from({ length: upTo(5) }, () =>
      fairly(WAYS[upTo(WAYS.length - 1)](upTo(4))),
    );
    const { url, asked } = await streamer(...ways);
    let pending = [];
    const onPending = (told) => {
      pending = told;
    };
    const walk = all(streamed(url, { onPending }));
    const came = await walk.catch((error) => [{ name: error.message }]);
    expect({ seed, asked, came: namesOf(came).toSorted() }).toEqual({ seed, asked, came: PARTS });
    expect(pending).toEqual([]);
    expect(asked.length).toBeLessThan(16);
  }
});
