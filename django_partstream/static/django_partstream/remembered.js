// What a client has, so that it is sent only what has changed. docs/refresh.md has the protocol.

import { PartstreamError } from "./partstream.js";

const HEADER = "Partstream-Have";
const MAX_LENGTH = 6_000; // characters; servers refuse 8 kB, some of them for all headers together

/**
 * The option `remembered` of a walk: `parts` as earlier walks gave them, with their values and tags.
 * Their tags are sent, and a part that has not changed comes with the value that it has here.
 *
 * With `isShy` no tags are sent to another origin, which may forbid the header.
 */
export function remembered(parts = [], isShy = false) {
  const tagged = [...parts].filter(({ etag }) => etag);
  const values = new Map(tagged.map(({ etag, value }) => [etag, value]));
  const header = headerOf(new Map(tagged.map(({ name, etag }) => [name, etag])));

  /** Put the tags into the `headers` and the `init` of a request for `address`. */
  function ask(address, headers, init) {
    const { origin } = globalThis; // missing outside of browsers, where nothing forbids a header
    if (isShy && origin && origin !== address.origin) return;
    headers.set(HEADER, header);
    init.cache = "no-store"; // a page of the browser's cache would have no tags
  }

  /** Give the parts that `came` on a page their tags, and the values that the page leaves out. */
  function fill(came, { etags, unchanged }) {
    const told = new Map(Object.entries(etags ?? {}));
    for (const part of came) {
      const etag = told.get(part.name);
      if (etag) part.etag = etag;
      if (values.has(etag)) part.value = values.get(etag);
      else if (unchanged?.includes(part.name)) {
        // For example, a cache keeps what it was told not to keep.
        throw new PartstreamError(200, "", "The answer is for a client with other values.");
      }
    }
  }

  return { ask, fill };
}

/**
 * The option `remembered` of a refresh of these `names`, or of all `parts`: null. `given` is that of
 * the caller.
 */
export function refreshing(parts, names, given) {
  if (given === null) return null;
  const asked = names ? parts.filter(({ name }) => names.includes(name)) : parts;
  // A name that no part has may be the server's name of a part that a renderer has renamed.
  return remembered(asked.length < names?.length ? parts : asked, !given);
}

// The tags by name, as far as there is room for them.
function headerOf(tags) {
  let header = "";
  for (const [name, tag] of tags) {
    const member = `${header && ", "}${encodeURIComponent(name)}="${tag}"`;
    if (header.length + member.length <= MAX_LENGTH) header += member;
  }
  return header;
}
