// The parts of a django-partstream response as they arrive. partstream.d.ts describes the exports.

const RESTARTS = 3; // in a row, without a new part, before a walk gives up
const PASSING = /^(408|425|429|50[0234]|52[0-4])$/; // statuses of trouble that may pass; 52x: a CDN's
const PAGE_TYPE = "application/json";

export class PartstreamError extends Error {
  constructor(status, code, message, retryAfter = null) {
    super(message);
    Object.assign(this, { name: "PartstreamError", status, code, retryAfter });
  }
}

export function parts(url, options) {
  return each(pagesOf(url, options), options);
}

export function follow(pageAt, options) {
  return each(pages(pageAt, options), options);
}

export function csrf(cookie = "csrftoken", header = "X-CSRFToken") {
  const pairs = globalThis.document?.cookie.split("; ") ?? [];
  const found = pairs.find((pair) => pair.startsWith(`${cookie}=`));
  return found ? { [header]: decodeURIComponent(found.slice(cookie.length + 1)) } : {};
}

async function* each(walk, options) {
  for await (const { came, total } of walk) {
    for (const part of came) {
      options?.signal?.throwIfAborted(); // the consumer may abort between two parts
      yield { ...part, total };
    }
  }
}

// The pages of a walk: first the parts of `first`, but for failures that the walk may mend.
export async function* pagesOf(url, { first, ...options } = {}) {
  const walk = { ...options, isOurs: true, seen: new Set(), pending: new Map() };
  const again = [];
  if (first && !options.only) {
    const source = sourceAt(url, { ...options, only: first, stream: false });
    try {
      for await (const page of pages(source, { ...walk, isFirst: true })) {
        const came = page.came.filter(({ name, error }) => !error?.retryable || !again.push(name));
        if (came.length) yield { came, total: null, hasMore: true };
      }
    } catch (error) {
      if (error?.status !== 400) throw error; // 400: a part that this user does not have
    }
  }
  for (const name of again) walk.seen.delete(name);
  yield* pages(sourceAt(url, options), walk);
}

// The pages of a walk, without parts that came before. A line of a stream is a page too: one
// without `results` tells of a pending part, one with empty `results` ends its stream.
async function* pages(source, options = {}) {
  const { seen = new Set(), pending = new Map(), isFirst } = options;
  const pageAt = await source;
  let cursor = null;
  let restarts = RESTARTS;
  let known = 0; // pages in a row without a new part or a pause
  try {
    while (true) {
      let page;
      try {
        page = await healed(pageAt, cursor, options);
      } catch (error) {
        // 410: the cursor has expired, or its part is gone. The first page needs no cursor.
        if (error?.status !== 410 || !cursor || restarts === 0) throw error;
        restarts -= 1;
        known = 0;
        cursor = null;
        continue;
      }
      const { isLine, results, meta } = page;
      const all = partsOf(page);
      options.remembered?.fill(all, page);
      if (updated(pending, page, all)) {
        options.onPending?.(
          Array.from(pending, ([name, { progress = null }]) => ({ name, progress })),
        );
      }
      if (isLine && !results) continue;
      const came = all.filter(({ name }) => !seen.has(name));
      for (const { name } of came) seen.add(name);
      cursor = page.cursor;
      if (came.length || !cursor) {
        restarts = RESTARTS;
        known = 0;
        const { total_parts, totalParts: total = total_parts ?? null } = meta ?? {};
        yield { came, total, hasMore: Boolean(cursor) };
        if (!cursor) return;
      } else if (isLine ? !results.length : pending.size) {
        if (isFirst) return; // the walk waits for it
        await pause(delayOf(pending), options.signal);
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

// The page at `cursor`, asked for again while there is trouble that may pass.
async function healed(pageAt, cursor, { patience = 60, onWaiting, signal, isOurs }) {
  let since;
  let waited = 0; // the clock may be set back
  try {
    for (let limit = 1_000; ; limit *= 2) {
      try {
        return await pageAt(cursor);
      } catch (error) {
        signal?.throwIfAborted();
        const { status, retryAfter } = error ?? {};
        // Without a status it is an error of fetch().
        const passes = status ? PASSING.test(status) : isOurs || error instanceof TypeError;
        const left = patience * 1_000 - Math.max(waited, Date.now() - (since ??= Date.now()));
        const backOff = Math.min(limit, 10_000) * (0.5 + Math.random() / 2);
        const duration = retryAfter > 0 ? retryAfter * 1_000 : Math.min(backOff, left);
        if (!passes || left <= 0 || duration > left) throw error;
        waited += duration;
        onWaiting?.(error);
        await pause(duration, signal, !status && globalThis);
      }
    }
  } finally {
    if (waited) onWaiting?.(null);
  }
}

// Bring `pending` up to date. Returns whether the page tells of pending parts.
function updated(pending, { isLine, pending: told }, all) {
  const before = pending.size;
  if (!isLine) pending.clear(); // a page tells of all, a line of one
  for (const one of told ?? []) pending.set(one.part ?? one.name, one);
  for (const { name } of all) pending.delete(name);
  return told?.length || pending.size !== before;
}

// Milliseconds until the first of these parts may be there: at most 30 s, and 1 s unless told.
function delayOf(pending) {
  const seconds = Array.from(pending.values(), ({ retry_after, retryAfter = retry_after }) =>
    typeof retryAfter === "number" && retryAfter >= 0.1 ? retryAfter : 1,
  );
  return Math.min(...seconds, pending.size ? 30 : 1) * 1_000;
}

// A renderer may have renamed the parts (`todayStats`): the place of a part tells its error.
function partsOf({ results = [], errors = [] }) {
  return results.flatMap((result, place) =>
    Object.entries(result).map(([name, value]) => {
      const isOf = ({ part, index = part }) => index === place || index === name;
      return { name, value, error: errors.find(isOf) ?? null };
    }),
  );
}

// The function `pageAt(cursor)` for pages of the server, or for the lines of streams as pages.
function sourceAt(url, { stream, only, patience, onPending, onWaiting, ...request }) {
  const { remembered, fetch: send, headers, ...init } = request;
  const wanted = only && [only].flat().join(",");
  if (wanted === "") return () => ({ results: [], cursor: null }); // the server would send all
  const address = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  if (wanted) address.searchParams.set("parts", wanted);
  const sent = new Headers(headers);
  // An Accept of the caller may have parameters: "application/json; version=2".
  const accept = sent.get("Accept") ?? PAGE_TYPE;
  remembered?.ask(address, sent, init);

  async function ask(cursor, type, own = init) {
    own.signal?.throwIfAborted();
    const asked = new URL(address);
    if (cursor) asked.searchParams.set("cursor", cursor);
    sent.set("Accept", accept.replaceAll(PAGE_TYPE, type));
    return (send ?? fetch)(asked.href, { ...init, ...own, headers: sent });
  }

  const pageAt = async (cursor) => pageOf(await ask(cursor, PAGE_TYPE));
  // Where the module does not come through, no stream does.
  return stream
    ? import("./stream.js").then(
        ({ streaming }) => streaming(ask, pageOf, pageAt, init.signal),
        () => pageAt,
      )
    : pageAt;
}

// Wait, or reject as soon as `signal` aborts. A network that comes back ends the wait.
async function pause(duration, signal, network) {
  signal?.throwIfAborted();
  let end;
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, duration);
    end = () => resolve(clearTimeout(timer));
    signal?.addEventListener("abort", end);
    network?.addEventListener?.("online", end);
  });
  signal?.removeEventListener("abort", end);
  network?.removeEventListener?.("online", end);
  signal?.throwIfAborted();
}

async function pageOf(response) {
  const body = await response.json().catch((error) => {
    if (error?.name !== "SyntaxError") throw error; // aborted or interrupted
  });
  if (response.ok && body?.results) return body;
  const status = `${response.status} ${response.statusText}`.trim();
  const otherwise = response.ok ? "The answer is no page of parts." : status;
  const message = typeof body?.detail === "string" ? body.detail : otherwise;
  const told = response.headers.get("Retry-After"); // seconds, or a date
  const seconds = isNaN(told) ? (Date.parse(told) - Date.now()) / 1_000 : Number(told);
  const retryAfter = seconds > 0 ? seconds : null;
  throw new PartstreamError(response.status, body?.code ?? "", message, retryAfter);
}
