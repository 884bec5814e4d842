// Observes `fetch()` and `EventSource`: calls `tell(request, news, times)` for what their answers
// tell of parts. Mistakes in here go to console.debug, and no answer is held back.

import { KINDS, mayBePage, newsOfMessage, newsOfText } from "./answers.js";

const HEAD = 64; // characters that tell whether a JSON text may be a page
const LONGEST_FRAME = 1_000; // milliseconds; there are none in a tab that is not painted

const now = () => performance.now();

/** Begin to observe. Returns a function that ends it. */
export function observe(tell) {
  const known = { fetch: globalThis.fetch, EventSource: globalThis.EventSource };
  const told = (...news) => attempt(() => tell(...news));
  globalThis.fetch = observedFetch(known.fetch, told);
  if (known.EventSource) globalThis.EventSource = observedSource(known.EventSource, told);
  return () => Object.assign(globalThis, known);
}

/** Return what `act()` returns; its mistakes are the timeline's, and do not reach the page. */
export function attempt(act) {
  try {
    return act();
  } catch (error) {
    console.debug("The timeline of parts made a mistake.", error);
  }
}

/** When what arrives now is shown: at the next frame, at once in a hidden tab. */
function frame() {
  if (document.hidden) return Promise.resolve(now());
  return new Promise((resolve) => {
    const end = () => resolve(now());
    requestAnimationFrame(end);
    setTimeout(end, LONGEST_FRAME);
  });
}

function observedFetch(fetch, tell) {
  return async function observed(...args) {
    const asked = now();
    const response = await fetch.apply(this, args);
    return attempt(() => observedResponse(response, args, asked, tell)) ?? response;
  };
}

function observedResponse(response, [input, init], asked, tell) {
  const type = response.headers.get("Content-Type")?.split(";")[0].trim().toLowerCase();
  const kind = KINDS[type];
  if (!kind || !response.ok || !response.body) return response;
  const address = new URL(input?.url ?? input, document.baseURI);
  const headers = new Headers(init?.headers ?? input?.headers);
  const body = typeof init?.body === "string" ? init.body : "";
  const request = requestOf(address, asked, `${headers.get("Last-Event-ID") ?? ""} ${body}`);
  if (kind.between) return passed(response, kind, request, tell);
  const header = response.headers.get("Server-Timing");
  readPage(response.clone(), header, request, tell).catch(() => {}); // aborted or interrupted
  return response;
}

/** A request: its address, when it was sent, and the text in which a cursor may stand. */
const requestOf = (address, asked, text) => ({ address, asked, text: `${address.search} ${text}` });

// A page is read from a clone, as long as it looks like one.
async function readPage(clone, header, request, tell) {
  const reader = clone.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let isPage = false;
  while (true) {
    const { value = "", done } = await reader.read();
    text += value;
    if (!isPage && (done || text.length > HEAD)) {
      isPage = mayBePage(text);
      if (!isPage) return reader.cancel();
    }
    if (done) break;
  }
  const arrived = now();
  const shown = await frame(); // the page's own work comes first
  attempt(() => {
    for (const news of newsOfText(text, header))
      tell(request, news, { arrived, shown, by: "page" });
  });
}

// A stream passes through, so that a client which leaves it ends it.
function passed(response, { by, between, reader }, request, tell) {
  const decoder = new TextDecoder();
  const newsOf = reader();
  let rest = "";
  let isOurs = true;
  let before = Promise.resolve();

  function take(items) {
    const arrived = now();
    const next = frame();
    before = before
      .then(() => next)
      .then((shown) => attempt(() => items.forEach((item) => read(item, { arrived, shown, by }))));
  }

  function read(item, times) {
    if (!isOurs) return;
    isOurs = false; // also if it cannot be read
    const all = newsOf(item);
    isOurs = all !== null;
    for (const news of all ?? []) tell(request, news, times);
  }

  const through = new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      if (!isOurs) return;
      const items = (rest + decoder.decode(chunk, { stream: true })).split(between);
      rest = items.pop();
      if (items.length) take(items);
    },
    flush() {
      if (isOurs && rest) take([rest]);
    },
  });
  const { status, statusText, headers } = response;
  const made = new Response(response.body.pipeThrough(through), { status, statusText, headers });
  for (const key of ["url", "redirected", "type"]) {
    Object.defineProperty(made, key, { value: response[key] });
  }
  return made;
}

function observedSource(Source, tell) {
  return class EventSource extends Source {
    constructor(...args) {
      super(...args);
      attempt(() => listen(this, tell));
    }
  };
}

function listen(source, tell) {
  const address = new URL(source.url);
  let request = requestOf(address, now(), "");
  let isLost = false;
  let cursor = "";
  source.addEventListener("error", () => {
    isLost = true;
  });
  source.addEventListener("open", () => {
    if (isLost) request = requestOf(address, now(), cursor); // the browser has asked again
    isLost = false;
  });
  for (const kind of ["part", "progress", "end"]) {
    source.addEventListener(kind, async ({ data, lastEventId }) => {
      const [arrived, own] = [now(), request];
      cursor = lastEventId;
      const shown = await frame();
      attempt(() => {
        for (const news of newsOfMessage(kind, data, lastEventId) ?? []) {
          tell(own, news, { arrived, shown, by: "stream" });
        }
      });
    });
  }
}
