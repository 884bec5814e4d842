// The lines of streams as pages, for partstream.js, which loads this module for `stream: true`.

// In a row, before pages come: streams without a part, and requests without an answer.
const STREAMS = 2;
const REQUESTS = 4;

// Milliseconds to the first byte of a stream, which a proxy may hold back, and to any later byte.
const FIRST_BYTE = 3_000;
const SILENCE = 20_000; // a heartbeat comes every 15 s

const STREAM_TYPE = "application/jsonl";

/**
 * The function `pageAt(cursor)` for the lines of streams: a stream that breaks goes on as another
 * or, from then on, as pages. `ask(cursor, type, { signal })` sends a request, `pageOf(response)`
 * reads a page, `pageAt(cursor)` does both.
 */
export function streaming(ask, pageOf, pageAt, signal) {
  if (!AbortSignal.any) return pageAt; // a browser from before March 2024
  let lines = null; // of the open stream
  let broken = 0; // streams in a row that brought no part
  let lost = 0; // requests in a row that had no answer
  let isAnswered;

  async function next(cursor) {
    while (broken < STREAMS && lost < REQUESTS) {
      try {
        lines ??= linesAt(cursor);
        const { value: page, done } = await lines.next();
        if (done) lines = null;
        if (!page.isLine)
          broken = STREAMS; // a page of the server, which has no streams here
        else if (page.results?.length) broken = 0;
        return page;
      } catch (error) {
        lines = null;
        if (!goesOn(error?.status)) throw error;
      }
    }
    try {
      const page = await pageAt(cursor);
      broken = STREAMS; // pages come through
      return page;
    } catch (error) {
      lost = 0; // nothing comes through, so streams may again
      throw error;
    }
  }

  // Count what went wrong. Returns whether the walk goes on at once; else it waits, or ends.
  function goesOn(status) {
    if (!status) {
      if (isAnswered) broken += 1;
      else lost += 1;
      return isAnswered;
    }
    const isDown = [500, 502, 503, 504].includes(status);
    const isRefused = status >= 400 && status < 500 && status !== 406;
    if (isDown) broken += 1;
    else if (!isRefused) broken = STREAMS;
    return !isDown && !isRefused;
  }

  // The lines of one stream. Returns the last line, or the page sent in place of the stream.
  async function* linesAt(cursor) {
    const control = new AbortController();
    const either = AbortSignal.any([signal, control.signal].filter(Boolean));
    let late = Object.assign(new Error("No stream comes through."), { status: 406 });
    isAnswered = false;
    try {
      const asked = ask(cursor, STREAM_TYPE, { signal: either });
      const response = await within(FIRST_BYTE, asked, late);
      isAnswered = true;
      lost = 0;
      if (response.status === 204) return { results: [], cursor: null };
      if (!response.headers.get("Content-Type")?.startsWith(STREAM_TYPE)) {
        return await pageOf(response);
      }
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      let limit = FIRST_BYTE;
      let rest = "";
      while (true) {
        const { value, done } = await within(limit, reader.read(), late);
        if (done) throw new TypeError("The stream ended before its last line.");
        limit = SILENCE;
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

  return Object.assign(next, { close: () => lines?.return() });
}

function asPage({ name, value, error, cursor, etag, unchanged }) {
  if (!cursor) throw new TypeError("The stream cannot be continued from this part.");
  const errors = error ? [{ ...error, index: 0 }] : [];
  const tags = { etags: { [name]: etag }, unchanged: unchanged && [name] };
  return { results: [{ [name]: value }], errors, cursor, isLine: true, ...tags };
}

// The outcome of `step`, or the error `late`.
function within(limit, step, late) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, limit, late);
    step.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
