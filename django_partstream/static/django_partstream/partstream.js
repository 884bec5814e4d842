// Yields the parts of a django-partstream response as they arrive. partstream.d.ts has the details.

// In a row, without a new part: starts before a walk gives up, streams before it goes on as pages.
const RESTARTS = 3;
const STREAMS = 2;

// Milliseconds to the first byte of a stream, which a proxy may hold back, and to any later byte.
const FIRST_BYTE = 3_000;
const SILENCE = 20_000; // a heartbeat comes every 15 s

const PAGE_TYPE = "application/json";
const STREAM_TYPE = "application/jsonl";

/** The server sent no page. */
export class PartstreamError extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { name: "PartstreamError", status, code });
  }
}

/** Each part as it arrives: `{ name, value, error, total }`. */
export function parts(url, options) {
  return follow(sourceAt(url, options), options);
}

/** The same for pages of another source. */
export async function* follow(pageAt, options) {
  for await (const { results, failures, total } of pages(pageAt, options)) {
    for (const [name, value] of results.flatMap(Object.entries)) {
      options?.signal?.throwIfAborted(); // the consumer may abort between two parts
      yield { name, value, error: failures.get(name) ?? null, total };
    }
  }
}

export class ProgressiveLoader {
  #failures = new Map();

  constructor(apiUrl, options = {}) {
    Object.assign(this, { apiUrl, options, allData: [] });
  }

  get errors() {
    return [...this.#failures.values()];
  }

  async loadAll(onProgress = null) {
    this.allData = [];
    this.#failures = new Map();
    return this.#load({}, onProgress);
  }

  async retry(...names) {
    const failed = this.errors.filter(({ retryable }) => retryable).map(({ part }) => part);
    const named = names.map((name) => this.#failures.get(name)?.part ?? name);
    return this.#load({ only: names.length ? named : failed });
  }

  async #load(change, onProgress) {
    const source = sourceAt(this.apiUrl, { ...this.options, ...change });
    for await (const { results, failures, hasMore } of pages(source, this.options)) {
      for (const result of results) this.#put(result, failures);
      onProgress?.({ results, totalLoaded: this.allData.length, hasMore });
    }
    return this.allData;
  }

  #put(result, failures) {
    const [name] = Object.keys(result);
    const place = this.allData.findIndex((one) => Object.hasOwn(one, name));
    this.allData.splice(place < 0 ? this.allData.length : place, 1, result);
    this.#failures.delete(name);
    if (failures.has(name)) this.#failures.set(name, failures.get(name));
  }
}

/** The CSRF header of Django. */
export function csrf(cookie = "csrftoken", header = "X-CSRFToken") {
  const pairs = globalThis.document?.cookie.split("; ") ?? [];
  const found = pairs.find((pair) => pair.startsWith(`${cookie}=`));
  return found ? { [header]: decodeURIComponent(found.slice(cookie.length + 1)) } : {};
}

// The pages of a walk, without parts that were yielded before. A line of a stream is a page too:
// one without `results` tells of a pending part, one with empty `results` ends its stream.
async function* pages(pageAt, { onPending, signal } = {}) {
  const seen = new Set();
  const pending = new Map();
  let cursor = null;
  let restarts = RESTARTS;
  let known = 0; // pages in a row without a new part or a pause
  try {
    while (true) {
      let page;
      try {
        page = await pageAt(cursor);
      } catch (error) {
        // 410: the cursor has expired, or its part is gone. The first page needs no cursor.
        if (error?.status !== 410 || !cursor || restarts === 0) throw error;
        restarts -= 1;
        known = 0;
        page = await pageAt(null);
      }
      if (updated(pending, page)) {
        onPending?.(Array.from(pending, ([name, { progress = null }]) => ({ name, progress })));
      }
      if (page.isLine && !page.results) continue;
      const results = page.results.filter((result) => !seen.has(Object.keys(result)[0]));
      for (const name of results.flatMap(Object.keys)) seen.add(name);
      cursor = page.cursor;
      if (results.length || !cursor) {
        restarts = RESTARTS;
        known = 0;
        const { total_parts, totalParts: total = total_parts ?? null } = page.meta ?? {};
        yield { results, failures: failuresOf(page), total, hasMore: Boolean(cursor) };
        if (!cursor) return;
      } else if (page.isLine ? !page.results.length : pending.size) {
        await pause(patienceFor(pending), signal);
        known = 0;
      } else if (++known > seen.size) {
        // For example, a proxy drops the query string.
        throw new PartstreamError(200, "", "The same parts come again and again.");
      }
    }
  } finally {
    pageAt.close?.();
  }
}

// Bring `pending` up to date. Returns whether the page tells of pending parts.
function updated(pending, page) {
  const before = pending.size;
  const told = page.pending ?? [];
  if (!page.isLine) pending.clear(); // a page tells of all, a line of one
  for (const one of told) pending.set(one.part ?? one.name, one);
  for (const name of page.results?.flatMap(Object.keys) ?? []) pending.delete(name);
  return told.length > 0 || pending.size !== before;
}

// Milliseconds until the first of these parts may be there: at most 30 s, and 1 s unless told.
function patienceFor(pending) {
  const seconds = Array.from(pending.values(), ({ retry_after, retryAfter = retry_after }) =>
    typeof retryAfter === "number" && retryAfter >= 0.1 ? retryAfter : 1,
  );
  return Math.min(...seconds, pending.size ? 30 : 1) * 1_000;
}

// The errors of a page by the names in `results`, which a renderer may have renamed (`todayStats`):
// the place of a part decides.
function failuresOf({ results, errors = [] }) {
  const nameOf = ({ index, part }) => Object.keys(results[index] ?? {})[0] ?? part;
  return new Map(errors.map((error) => [nameOf(error), error]));
}

// The function `pageAt(cursor)` for pages of the server, or for the lines of streams as pages.
function sourceAt(url, { stream, only = null, onPending: _, ...options } = {}) {
  const wanted = only && [only].flat().join(",");
  if (wanted === "") return async () => ({ results: [], cursor: null }); // the server would send all
  const addressAt = (cursor) => {
    const address = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    if (wanted) address.searchParams.set("parts", wanted);
    if (cursor) address.searchParams.set("cursor", cursor);
    return address.href;
  };
  const pageAt = async (cursor) => pageOf(await ask(addressAt(cursor), options, PAGE_TYPE));
  return stream ? streaming(addressAt, options, pageAt) : pageAt;
}

// A stream that breaks goes on as another stream or, from then on, as pages.
function streaming(addressAt, options, pageAt) {
  let lines = null; // of the open stream
  let broken = 0; // streams in a row that brought no part

  async function next(cursor) {
    while (broken < STREAMS) {
      try {
        lines ??= linesAt(addressAt(cursor), options);
        const { value: page, done } = await lines.next();
        if (done) lines = null;
        if (!page.isLine) broken = STREAMS; // a page of the server, which has no streams here
        else if (page.results?.length) broken = 0;
        return page;
      } catch (error) {
        lines = null;
        const status = error?.status;
        if (status >= 400 && status < 500 && status !== 406) throw error;
        broken = status ? STREAMS : broken + 1;
      }
    }
    return pageAt(cursor);
  }

  return Object.assign(next, { close: () => lines?.return() });
}

// The lines of one stream. Returns the last line, or the page sent in place of the stream.
async function* linesAt(address, options) {
  const control = new AbortController();
  const signals = [options.signal, control.signal].filter(Boolean);
  const sent = { ...options, signal: AbortSignal.any(signals) };
  let late = new PartstreamError(504, "", "No stream comes through.");
  try {
    const response = await within(FIRST_BYTE, ask(address, sent, STREAM_TYPE), late);
    if (response.status === 204) return { results: [], cursor: null };
    if (!response.headers.get("Content-Type")?.startsWith(STREAM_TYPE)) return await pageOf(response);
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let patience = FIRST_BYTE;
    let rest = "";
    while (true) {
      const { value, done } = await within(patience, reader.read(), late);
      if (done) throw new TypeError("The stream ended before its last line.");
      patience = SILENCE;
      late = new TypeError("The stream is silent.");
      const texts = decoder.decode(value, { stream: true }).split("\n");
      texts[0] = rest + texts[0];
      rest = texts.pop(); // a line that goes on in the next chunk
      for (const text of texts.filter((one) => one.trim())) {
        const line = JSON.parse(text);
        if (line.meta) return { ...line, results: [], isLine: Boolean(line.cursor) };
        if (line.progress?.name) yield { pending: [line.progress], isLine: true };
        if ("value" in line) yield asPage(line);
      }
    }
  } finally {
    control.abort();
  }
}

function asPage({ name, value, error, cursor }) {
  if (!cursor) throw new TypeError("The stream cannot be continued from this part.");
  const errors = error ? [{ ...error, index: 0 }] : [];
  return { results: [{ [name]: value }], errors, cursor, isLine: true };
}

// The outcome of `step`, or the error `late`.
function within(patience, step, late) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, patience, late);
    step.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

// Wait, or reject with the reason of `signal` as soon as it aborts.
async function pause(duration, signal) {
  signal?.throwIfAborted();
  let end;
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, duration);
    end = () => resolve(clearTimeout(timer));
    signal?.addEventListener("abort", end);
  });
  signal?.removeEventListener("abort", end);
  signal?.throwIfAborted();
}

async function ask(address, { fetch = globalThis.fetch, headers, ...init }, type) {
  init.signal?.throwIfAborted();
  const sent = new Headers(headers);
  // An Accept of the caller may have parameters: "application/json; version=2".
  sent.set("Accept", (sent.get("Accept") ?? PAGE_TYPE).replaceAll(PAGE_TYPE, type));
  return fetch(address, { ...init, headers: sent });
}

async function pageOf(response) {
  const body = await response.json().catch((error) => {
    if (error?.name !== "SyntaxError") throw error; // aborted or interrupted
  });
  if (response.ok && body?.results) return body;
  const status = `${response.status} ${response.statusText}`.trim();
  const otherwise = response.ok ? "The answer is no page of parts." : status;
  const message = typeof body?.detail === "string" ? body.detail : otherwise;
  throw new PartstreamError(response.status, body?.code ?? "", message);
}
