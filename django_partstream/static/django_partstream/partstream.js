// Follows a django-partstream response over REST and yields its parts as they arrive.

// Restarts in a row that bring no new part before a walk gives up.
const RESTARTS = 3;

// Streams in a row that bring no part before a walk goes on as pages.
const STREAMS = 2;

// Milliseconds that a stream may keep a walk waiting: for its first byte, which a proxy may hold
// back, and for any later byte; a heartbeat comes every 15 s.
const FIRST_BYTE = 3_000;
const SILENCE = 20_000;

// Milliseconds before a stream that ended with pending parts is asked for again.
const PAUSE = 1_000;

const PAGE_TYPE = "application/json";
const STREAM_TYPE = "application/jsonl";

/** The server sent no page. `status` is of HTTP, `code` of the body ("cursor_expired") or "". */
export class PartstreamError extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { name: "PartstreamError", status, code });
  }
}

/** Each part as its page arrives, or by itself in a stream: `{ name, value, error, total }`. */
export async function* parts(url, options) {
  for await (const part of follow(sourceAt(url, options))) {
    options?.signal?.throwIfAborted(); // the consumer may abort between two parts
    yield part;
  }
}

/** The same for pages of another source: `pageAt(cursor)` returns a page in the REST format. */
export async function* follow(pageAt) {
  for await (const { results, failures, total } of pages(pageAt)) {
    for (const [name, value] of results.flatMap(Object.entries)) {
      yield { name, value, error: failures.get(name) ?? null, total };
    }
  }
}

/** All parts, page by page: `await new ProgressiveLoader(url).loadAll(onProgress)`. */
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
    for await (const { results, failures, hasMore } of pages(sourceAt(this.apiUrl, this.options))) {
      this.allData.push(...results);
      this.#note(results, failures);
      onProgress?.({ results, totalLoaded: this.allData.length, hasMore });
    }
    return this.allData;
  }

  /** Request these parts again, or all failed parts that are retryable. */
  async retry(...names) {
    const failed = this.errors.filter(({ retryable }) => retryable).map(({ part }) => part);
    const named = names.map((name) => this.#failures.get(name)?.part ?? name);
    const only = names.length ? named : failed;
    if (only.length === 0) return this.allData;
    const again = sourceAt(this.apiUrl, { ...this.options, only });
    for await (const { results, failures } of pages(again)) {
      this.#note(results, failures);
      for (const result of results) {
        const [name] = Object.keys(result);
        const place = this.allData.findIndex((one) => Object.hasOwn(one, name));
        this.allData.splice(place < 0 ? this.allData.length : place, 1, result);
      }
    }
    return this.allData;
  }

  #note(results, failures) {
    for (const name of results.flatMap(Object.keys)) {
      this.#failures.delete(name);
      if (failures.has(name)) this.#failures.set(name, failures.get(name));
    }
  }
}

/** The CSRF header that Django requires of a POST, PUT or DELETE: `headers: csrf()`. */
export function csrf(cookie = "csrftoken", header = "X-CSRFToken") {
  const pairs = globalThis.document?.cookie.split("; ") ?? [];
  const found = pairs.find((pair) => pair.startsWith(`${cookie}=`));
  return found ? { [header]: decodeURIComponent(found.slice(cookie.length + 1)) } : {};
}

// The pages of a walk. After a restart, parts that were yielded before are left out.
async function* pages(pageAt) {
  const seen = new Set();
  let cursor = null;
  let restarts = RESTARTS;
  let known = 0; // pages without a new part since the last start or the last new part
  try {
    do {
      let page;
      try {
        page = await pageAt(cursor);
      } catch (error) {
        // 410: the cursor has expired, or its part is gone. The first page needs no cursor.
        if (error.status !== 410 || !cursor || restarts === 0) throw error;
        restarts -= 1;
        known = 0;
        page = await pageAt(null);
      }
      const results = page.results.filter((result) => !seen.has(Object.keys(result)[0]));
      const names = results.flatMap(Object.keys);
      names.forEach((name) => seen.add(name));
      cursor = page.cursor;
      if (names.length) [restarts, known] = [RESTARTS, 0];
      else if (cursor && ++known > seen.size) {
        // For example, a proxy drops the query string: each page is the first page.
        throw new PartstreamError(200, "", "The same parts come again and again.");
      }
      if (names.length || !cursor) {
        yield { results, failures: failuresOf(page), total: totalOf(page), hasMore: Boolean(cursor) };
      }
    } while (cursor);
  } finally {
    pageAt.close?.();
  }
}

// The errors of a page by the names in `results`. A renderer may have renamed those (`todayStats`),
// and not the name in the entry (`today_stats`), so the place of the part decides.
function failuresOf({ results, errors = [] }) {
  const nameOf = ({ index, part }) => Object.keys(results[index] ?? {})[0] ?? part;
  return new Map(errors.map((error) => [nameOf(error), error]));
}

// Null for a part of a stream: the last line of a stream has it, behind all parts.
function totalOf({ meta = {} }) {
  return meta.total_parts ?? meta.totalParts ?? null;
}

// The function `pageAt(cursor)` for pages of the server, or for the parts of a stream as pages.
function sourceAt(url, { stream = false, only = null, ...options } = {}) {
  const wanted = only === null ? null : [only].flat().join(",");
  if (wanted === "") return async () => ({ results: [], cursor: null }); // the server would send all
  const addressAt = (cursor) => addressOf(url, { parts: wanted, cursor });
  const pageAt = async (cursor) => pageOf(await ask(addressAt(cursor), options, PAGE_TYPE));
  return stream ? streaming(addressAt, options, pageAt) : pageAt;
}

// A stream that breaks goes on at its last cursor, as another stream or, from then on, as pages.
function streaming(addressAt, options, pageAt) {
  let lines = null; // of the open stream
  let broken = 0; // streams in a row that brought no part

  async function next(cursor) {
    while (broken < STREAMS) {
      try {
        lines ??= linesAt(addressAt(cursor), options);
        const { value: page, done } = await lines.next();
        if (!done) {
          broken = 0;
          return page;
        }
        lines = null;
        if (page.results) broken = STREAMS; // a page of the server, which has no streams here
        if (page.results || !page.cursor) return { results: [], ...page };
        cursor = page.cursor; // the parts that are left are pending
        await pause(PAUSE, options.signal);
      } catch (error) {
        lines = null;
        if (error.status >= 400 && error.status < 500 && error.status !== 406) throw error;
        broken = error.status ? STREAMS : broken + 1;
      }
    }
    return pageAt(cursor);
  }

  return Object.assign(next, { close: () => lines?.return() });
}

// The parts of one stream, each as a page. Returns the last line, or the page sent in its place.
async function* linesAt(address, options) {
  const control = new AbortController();
  const signals = [options.signal, control.signal].filter(Boolean);
  const sent = { ...options, signal: AbortSignal.any(signals) };
  let late = new PartstreamError(504, "", "No stream comes through.");
  try {
    const response = await within(FIRST_BYTE, ask(address, sent, STREAM_TYPE), late);
    if (response.status === 204) return { cursor: null };
    if (!response.headers.get("Content-Type")?.startsWith(STREAM_TYPE)) return await pageOf(response);
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let [patience, rest] = [FIRST_BYTE, ""];
    while (true) {
      const { value, done } = await within(patience, reader.read(), late);
      if (done) throw new TypeError("The stream ended before its last line.");
      [patience, late] = [SILENCE, new TypeError("The stream is silent.")];
      const texts = decoder.decode(value, { stream: true }).split("\n");
      texts[0] = rest + texts[0];
      rest = texts.pop(); // a line that goes on in the next chunk
      for (const text of texts.filter((one) => one.trim())) {
        const line = JSON.parse(text);
        if (line.meta) return line;
        if ("name" in line && !("progress" in line)) yield asPage(line);
      }
    }
  } finally {
    control.abort();
  }
}

function asPage({ name, value = null, error, cursor }) {
  if (!cursor) throw new TypeError("The stream cannot be continued from this part.");
  return { results: [{ [name]: value }], errors: error ? [{ ...error, index: 0 }] : [], cursor };
}

// The outcome of `step`, or the error `late` after that many milliseconds.
function within(patience, step, late) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, patience, late);
    step.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function pause(duration, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, duration);
    signal?.addEventListener("abort", end);
  });
}

function addressOf(url, query) {
  const address = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null) address.searchParams.set(name, value);
  }
  return address.href;
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
    if (error.name !== "SyntaxError") throw error; // the request was aborted or interrupted
    return null;
  });
  if (response.ok && body?.results) return body;
  const status = `${response.status} ${response.statusText}`.trim();
  const otherwise = response.ok ? "The answer is no page of parts." : status;
  const message = typeof body?.detail === "string" ? body.detail : otherwise;
  throw new PartstreamError(response.status, body?.code ?? "", message);
}
