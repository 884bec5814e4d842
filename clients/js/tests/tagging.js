// A server in the form of a `fetch()` that tags its values, as docs/refresh.md says.

import { createHash } from "node:crypto";

import { FAILURE } from "./streamer.js";
import { streamOf } from "./troubled.js";

const MEMBER = /([^\s,="]+)="([\w-]+)"/g;

export const tagOf = (name, value) =>
  createHash("sha256").update(JSON.stringify([name, value])).digest("base64url").slice(0, 16);

/** The tags in a header, by name; null without the header. */
const tagsIn = (header) =>
  header === null
    ? null
    : Object.fromEntries(
        [...header.matchAll(MEMBER)].map(([, name, tag]) => [decodeURIComponent(name), tag]),
      );

/**
 * Pages of two parts, or streams, of `values`: an object that tests change between requests.
 *
 * A part in `failing` fails, and a part in `pending` is pending. `spell` renames the keys of pages.
 * `before(number)` may return a response, or a promise of one, or throw. `asked` has of each request
 * its query, the `tags` that it sent (null without the header), its mode of the `cache`, and the
 * `size` of the body that it got, in characters.
 */
export function tagging(values, { spell = (name) => name, before = () => undefined } = {}) {
  const asked = [];
  const failing = new Set();
  const pending = new Set();

  function partOf(name, tags, as = name) {
    if (failing.has(name)) return { name: as, value: null, error: { ...FAILURE, part: name } };
    const value = values[name];
    if (tags === null) return { name: as, value };
    const etag = tagOf(name, value);
    return tags[as] === etag
      ? { name: as, value: null, etag, unchanged: true }
      : { name: as, value, etag };
  }

  // A cursor has the names of the parts that are left.
  const cursorOf = (left) => (left.length ? left.join("|") : null);

  function pageOf(left, tags) {
    const names = left.filter((name) => !pending.has(name)).slice(0, 2);
    const parts = names.map((name) => partOf(name, tags, spell(name)));
    const told = parts.filter(({ etag }) => etag).map(({ name, etag }) => [name, etag]);
    const unchanged = parts.filter((part) => part.unchanged).map(({ name }) => name);
    return {
      results: parts.map(({ name, value }) => ({ [name]: value })),
      cursor: cursorOf(left.filter((name) => !names.includes(name))),
      meta: { total_parts: Object.keys(values).length },
      errors: parts.flatMap(({ error }, index) => (error ? [{ ...error, index }] : [])),
      pending: [...pending].map((part) => ({ part, retry_after: 0.1, progress: null })),
      ...(tags && { etags: Object.fromEntries(told) }),
      ...(unchanged.length && { unchanged }),
    };
  }

  function* linesOf(left, tags) {
    const names = left.filter((name) => !pending.has(name));
    for (const name of names) {
      left = left.filter((one) => one !== name);
      yield { ...partOf(name, tags), cursor: cursorOf(left) ?? "end" };
    }
    yield { meta: { total_parts: Object.keys(values).length }, cursor: cursorOf(left) };
  }

  async function fetch(url, { headers, cache }) {
    const query = new URL(url).searchParams;
    const tags = tagsIn(headers.get("Partstream-Have"));
    const request = { query: `${query}`, tags, cache, size: 0 };
    asked.push(request);
    const met = await before(asked.length - 1);
    if (met) return met;
    const chosen = query.get("parts")?.split(",") ?? Object.keys(values);
    const left = query.get("cursor")?.split("|") ?? chosen;
    if (headers.get("Accept") === "application/jsonl") {
      const lines = [...linesOf(left, tags)].map((line) => `${JSON.stringify(line)}\n`);
      request.size = lines.join("").length;
      return streamOf(...lines);
    }
    const body = JSON.stringify(pageOf(left, tags));
    request.size = body.length;
    return new Response(body, { headers: { "Content-Type": "application/json" } });
  }

  return { fetch, asked, failing, pending };
}
