// What answers of the server tell of parts: from their texts to news. No I/O.
//
// News are `{ connection, parts, pending, isAll, cursor }`: `connection` is the path of a GraphQL
// connection, or null. `parts` are those that came, each with `name`, `status`, `code` and its
// times on the server. `pending` are `{ name, progress }`: all of them if `isAll`. `cursor` is the
// place where the walk goes on, null at its end, and undefined if it is not told.

const STATUSES = ["ok", "fallback", "error", "timeout", "denied", "pending"];

/** How the texts of each media type are put together; a whole text has no separator. */
export const KINDS = {
  "application/json": { by: "page" },
  "application/graphql-response+json": { by: "page" },
  "application/jsonl": { by: "stream", between: "\n", newsOf: newsOfLine },
  "application/x-ndjson": { by: "stream", between: "\n", newsOf: newsOfLine },
  "text/event-stream": { by: "stream", between: /\r?\n\r?\n/, newsOf: newsOfEvent },
  "multipart/mixed": { by: "defer", between: "\r\n---", newsOf: newsOfIncrement },
};

/** Whether a text that begins like this may be a page of ours. */
export const mayBePage = (text) => /^\s*\[?\s*\{\s*"(results|data|errors|extensions)"/.test(text);

/** The news in the text of a page, with the Server-Timing header of its response. */
export function newsOfText(text, header) {
  if (!/"(meta|partstream)"/.test(text)) return [];
  const body = JSON.parse(text);
  if (body.meta && Array.isArray(body.results)) return [newsOfPage(body, header)];
  return [body].flat().flatMap(newsOfPayload);
}

function newsOfPage({ results, errors = [], pending = [], unchanged = [], cursor }, header) {
  const names = results.flatMap(Object.keys);
  const timed = timingsOf(header).filter(({ status }) => status !== "pending");
  const parts = names.map((name, place) => {
    const error = errors.find(({ part, index = part }) => index === place || index === name);
    return partOf(name, {
      timing: timed.length === names.length ? timed[place] : undefined,
      error,
      isUnchanged: unchanged.includes(name),
    });
  });
  return {
    connection: null,
    parts,
    pending: pending.map(({ part, progress = null }) => ({ name: part, progress })),
    isAll: true,
    cursor,
  };
}

function newsOfLine(text) {
  return text.trim() ? newsOfFrame(JSON.parse(text)) : [];
}

function newsOfEvent(text) {
  const lines = text.split(/\r?\n/).map((line) => /^(\w+): ?(.*)$/.exec(line));
  const fields = Object.fromEntries(lines.filter(Boolean).map(([, name, value]) => [name, value]));
  return fields.data ? newsOfMessage(fields.event, fields.data, fields.id) : [];
}

/** The news in an event of a stream; null if it is none of ours. */
export function newsOfMessage(event, text, id) {
  if (event === "part") return newsOfFrame({ ...JSON.parse(text), cursor: id });
  if (event === "progress") return newsOfFrame({ progress: JSON.parse(text) });
  if (event !== "end") return null;
  const meta = JSON.parse(text);
  return newsOfFrame({ meta, cursor: meta.has_more ? id : null });
}

function newsOfFrame({ name, value, error, timing, unchanged, progress, meta, cursor }) {
  const news = { connection: null, parts: [], pending: [], isAll: false };
  if (progress?.name) return [{ ...news, pending: [progress] }];
  if (meta) return [{ ...news, cursor }];
  if (typeof name !== "string" || value === undefined) return null;
  const part = partOf(name, { timing, error, isUnchanged: Boolean(unchanged) });
  return [{ ...news, parts: [part], cursor }];
}

// A part of a multipart body: headers, an empty line, a payload.
function newsOfIncrement(text) {
  const start = text.indexOf("\r\n\r\n");
  if (start < 0 || !text.includes('"partstream"')) return [];
  return newsOfPayload(JSON.parse(text.slice(start)));
}

function newsOfPayload({ data, extensions, hasNext }) {
  return Object.entries(extensions?.partstream?.timing ?? {}).map(([path, timings]) => {
    const value = path.split(".").reduce((at, key) => at?.[key], data);
    const { hasNextPage, endCursor } = value?.pageInfo ?? {};
    const known = value?.pending ?? [];
    const waits = timings.filter(({ status }) => status === "pending");
    return {
      connection: path,
      parts: timings
        .filter(({ status }) => status !== "pending")
        .map(({ name, ...timing }) => partOf(name, { timing })),
      pending: waits.map(({ name }) => ({
        name,
        progress: known.find((one) => one.name === name)?.progress ?? null,
      })),
      isAll: hasNext === undefined,
      cursor: hasNextPage === false ? null : endCursor,
    };
  });
}

function partOf(name, { timing = {}, error, isUnchanged = false }) {
  const status = timing.status ?? (error ? "error" : "ok");
  return { ...timing, name, status, code: error?.code ?? null, isUnchanged };
}

/**
 * The times of parts in a Server-Timing header, in the order of the page:
 * `orders;desc="orders (ok, 3 queries 8.1 ms, cache miss, thread, waited 0.4 ms)";dur=12.3`.
 */
export function timingsOf(header) {
  const metrics = [...(header ?? "").matchAll(/;desc="((?:[^"\\]|\\.)*)";dur=([\d.]+)/g)];
  return metrics.flatMap(([, description, duration]) => {
    const [status, ...words] = / \(([^()]*)\)$/.exec(description)?.[1].split(", ") ?? [];
    if (!STATUSES.includes(status)) return []; // a metric of other code
    return [Object.assign({ ms: Number(duration), status }, ...words.map(saidBy))];
  });
}

// The key of a timing that a phrase of the header stands for.
function saidBy(words) {
  const [, queries, sql_ms] = /^(\d+) quer(?:y|ies)(?: ([\d.]+) ms)?$/.exec(words) ?? [];
  if (queries) return { queries: Number(queries), sql_ms: Number(sql_ms ?? 0) };
  const [, waited] = /^waited ([\d.]+) ms$/.exec(words) ?? [];
  if (waited) return { waited_ms: Number(waited) };
  if (words.startsWith("cache ")) return { cached: words === "cache hit" };
  return { ran: words };
}
