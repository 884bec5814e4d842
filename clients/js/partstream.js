// Follows a django-partstream response over REST and yields its parts as they arrive.

// Restarts in a row that bring no new part before a walk gives up.
const RESTARTS = 3;

/** The server sent no page. `status` is of HTTP, `code` of the body ("cursor_expired") or "". */
export class PartstreamError extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { name: "PartstreamError", status, code });
  }
}

/** Each part as its page arrives: `{ name, value, error, total }`. */
export async function* parts(url, options) {
  for await (const part of follow(pagesAt(url, options))) {
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
    for await (const { results, failures, hasMore } of pages(pagesAt(this.apiUrl, this.options))) {
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
    const again = pagesAt(this.apiUrl, { ...this.options, only });
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
}

// The errors of a page by the names in `results`. A renderer may have renamed those (`todayStats`),
// and not the name in the entry (`today_stats`), so the place of the part decides.
function failuresOf({ results, errors = [] }) {
  const nameOf = ({ index, part }) => Object.keys(results[index] ?? {})[0] ?? part;
  return new Map(errors.map((error) => [nameOf(error), error]));
}

function totalOf({ meta }) {
  return meta.total_parts ?? meta.totalParts;
}

function pagesAt(url, { only, ...options } = {}) {
  const wanted = only === undefined ? null : [only].flat().join(",");
  return (cursor) => fetchPage(addressOf(url, { parts: wanted, cursor }), options);
}

function addressOf(url, query) {
  const address = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null) address.searchParams.set(name, value);
  }
  return address.href;
}

async function fetchPage(address, { fetch = globalThis.fetch, headers, ...init }) {
  init.signal?.throwIfAborted();
  const sent = new Headers(headers);
  if (!sent.has("Accept")) sent.set("Accept", "application/json");
  const response = await fetch(address, { ...init, headers: sent });
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
