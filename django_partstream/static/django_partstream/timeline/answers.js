// What answers of the server tell of parts: from their texts to news. No I/O.
//
// News are `{ connection, parts, pending, isAll, cursor }`: `connection` is the path of a GraphQL
// connection, or null. `parts` are those that came, each with `name`, `status`, `code` and its
// times on the server. `pending` are `{ name, progress }`: all of them if `isAll`. `cursor` is the
// place where the walk goes on, null at its end, and undefined if it is not told.

const STATUSES = ["ok", "fallback", "error", "timeout", "denied", "pending"];

/**
 * The media types of answers. Of a stream: what stands between two texts, and a function that
 * returns a reader, which returns the news in a text, or null if the stream is none of ours.
 */
export const KINDS = {
  "application/json": { by: "page" },
  "application/graphql-response+json": { by: "page" },
  "application/jsonl": { by: "stream", between: "\n", reader: () => newsOfLine },
  "application/x-ndjson": { by: "stream", between: "\n", reader: () => newsOfLine },
  "text/event-stream": { by: "stream", between: /\r?\n\r?\n/, reader: () => newsOfEvent },
  "multipart/mixed": { by: "defer", between: "\r\n---", reader: readerOfIncrements },
};

/** Whether a text that begins like this may be a page of ours. */
export const mayBePage = (text) => /^\s*\[?\s*\{\s*"(results|data|errors|extensions)"/.test(text);

/** The news in the text of a page, with the Server-Timing header of its response. */
export function newsOfText(text, header) {
  if (!/"(meta|partstream)"/.test(text)) return [];
  const body = JSON.parse(text);
  if (body.meta && Array.isArray(body.results)) return [newsOfPage(body, header)];
  const payloads = [body].flat().filter((payload) => payload?.extensions?.partstream);
  return payloads.flatMap((payload) => newsOfPayload(payload, connectionsIn(payload)));
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

// A text of a multipart body: headers, an empty line, a payload. The first payload has the cursors,
// and each later one the times of the parts that it brings.
function readerOfIncrements() {
  const connections = new Map();
  return (text) => {
    const start = text.indexOf("\r\n\r\n");
    if (start < 0 || !/"(pageInfo|partstream)"/.test(text)) return [];
    const payload = JSON.parse(text.slice(start));
    for (const [path, told] of connectionsIn(payload)) connections.set(path, told);
    return newsOfPayload(payload, connections);
  };
}

// What GraphQL connections tell of their pages, by response path.
function connectionsIn({ data }) {
  const found = new Map();
  function look(value, path) {
    if (value === null || typeof value !== "object") return;
    if (value.pageInfo) found.set(path.join("."), { ...value.pageInfo, pending: value.pending });
    for (const [key, one] of Object.entries(value)) look(one, [...path, key]);
  }
  look(data ?? null, []);
  return found;
}

function newsOfPayload({ extensions, hasNext }, connections) {
  return Object.entries(extensions?.partstream?.timing ?? {}).map(([path, timings]) => {
    const { hasNextPage, endCursor, pending } = connections.get(path) ?? {};
    const waits = timings.filter(({ status }) => status === "pending");
    return {
      connection: path,
      parts: timings
        .filter(({ status }) => status !== "pending")
        .map(({ name, ...timing }) => partOf(name, { timing })),
      pending: waits.map(({ name }) => ({
        name,
        progress: pending?.find((one) => one.name === name)?.progress ?? null,
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
