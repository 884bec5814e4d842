// The walks that the page has made: the last of them, as plain objects.
//
// A request belongs to the walk that told the cursor in it. A request without a known cursor begins
// a walk. Times are those of `performance.now()`, in milliseconds.

const WALKS = 20; // a page may poll for days
const PARTS = 200; // of a walk
const CURSORS = 10; // a stream tells one with each part

// A renderer may have renamed a part (`todayStats`), and not where it is pending.
const plain = (name) => name.replaceAll("_", "").toLowerCase();

export class Walks {
  /** The latest walk first. */
  all = [];
  #listeners = new Set();

  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** Note what the answer to `request` told, and when it `arrived` and was `shown`. */
  tell(request, news, { arrived, shown, by }) {
    const { walk, number } = this.#answerOf(request, news);
    const answer = { request, arrived, shown, by, number };
    const ends = endsOf(answer, news.parts);
    for (const part of news.parts) walk.parts.push(rowOf(walk, part, answer, ends));
    walk.parts.splice(0, walk.parts.length - PARTS);
    notePending(walk, news, answer);
    walk.end = Math.max(walk.end, shown);
    if (news.cursor !== undefined) walk.isComplete = news.cursor === null;
    if (news.cursor) {
      walk.cursors = [...new Set([news.cursor, ...walk.cursors])].slice(0, CURSORS);
    }
    walk.changes += 1;
    for (const listener of this.#listeners) listener();
  }

  // The walk of a request, and the number of its answer in the walk. A response may tell of several
  // connections.
  #answerOf(request, { connection }) {
    request.answers ??= new Map();
    if (!request.answers.has(connection)) {
      const walk = this.#walkOf(request, connection) ?? this.#begin(request, connection);
      walk.answers += 1;
      request.answers.set(connection, { walk, number: walk.answers });
    }
    return request.answers.get(connection);
  }

  #walkOf({ address, text }, connection) {
    return this.all.find(
      (walk) =>
        walk.connection === connection &&
        walk.path === address.origin + address.pathname &&
        walk.cursors.some((cursor) => text.includes(cursor)),
    );
  }

  #begin({ address, asked }, connection) {
    const walk = {
      path: address.origin + address.pathname,
      connection,
      group: groupOf(address, connection),
      only: address.searchParams.get("parts"),
      over: connection === null ? "REST" : "GraphQL",
      asked,
      at: new Date(performance.timeOrigin + asked),
      end: asked,
      parts: [],
      pending: new Map(),
      cursors: [],
      answers: 0,
      changes: 0,
      isComplete: false,
    };
    this.all.unshift(walk);
    this.all.splice(WALKS);
    return walk;
  }
}

/** What walks of the same response have in common, to read. */
function groupOf(address, connection) {
  const shown = new URL(address);
  for (const name of ["cursor", "parts"]) shown.searchParams.delete(name);
  if (connection !== null) shown.search = "";
  const origin = shown.origin === globalThis.location?.origin ? "" : shown.origin;
  const path = `${origin}${shown.pathname}${shown.search}`;
  return connection === null ? path : `${path} ${connection}`;
}

function rowOf(walk, { name, ...part }, { request, arrived, shown, by, number }, ends) {
  const wait = walk.pending.get(plain(name));
  walk.pending.delete(plain(name));
  const begun = ends(part) - (part.ms ?? 0);
  const isSame = wait?.request === request; // a stream told both
  const until = isSame ? begun : request.asked;
  return {
    ...part,
    name,
    asked: wait?.asked ?? request.asked,
    arrived,
    shown,
    by,
    number,
    server: part.ms === undefined ? null : { from: Math.max(begun, request.asked), ms: part.ms },
    pending: wait
      ? { from: wait.from, to: Math.max(wait.from, until), progress: wait.progress }
      : null,
  };
}

// Where the work of a part ended, by estimate: just before it arrived from a stream. A page takes as
// long before the first of its parts as behind the last.
function endsOf({ request, arrived, by }, parts) {
  if (by !== "page") return () => arrived;
  const after = ({ ms = 0, waited_ms }) => (waited_ms ?? 0) + ms;
  const worked = Math.max(0, ...parts.map(after));
  const margin = Math.max(0, arrived - request.asked - worked) / 2;
  return (part) => request.asked + margin + after(part);
}

function notePending(walk, { pending, isAll }, { request, arrived }) {
  const known = new Map(walk.pending);
  if (isAll) walk.pending.clear();
  for (const { name, progress } of pending) {
    const { asked, from } = known.get(plain(name)) ?? { asked: request.asked, from: arrived };
    walk.pending.set(plain(name), { name, progress, asked, from, to: arrived, request });
  }
}
