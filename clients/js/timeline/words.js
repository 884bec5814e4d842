// The timeline in words.

const ENDS = {
  ok: "",
  fallback: "fallback in its place",
  error: "failed",
  timeout: "took too long",
  denied: "denied",
};
/** The statuses of parts that have no value. */
export const FAILED = ["error", "timeout", "denied"];

const RAN = {
  request: "",
  thread: "in a thread",
  loop: "in the event loop",
  transaction: "in the open transaction",
};
const BY = { page: "page", stream: "stream", defer: "deferred, page" };

/** Milliseconds as seconds. */
export const seconds = (ms) => `${(ms / 1_000).toFixed(2)} s`;

export const milliseconds = (ms) => `${ms < 9.95 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;

export const counted = (count, one, many) => `${count} ${count === 1 ? one : many}`;

const listed = (words) => words.filter(Boolean).join(", ");

/** What happened to a part that came, behind its name. */
export function wordsOf(part, walk) {
  const at = (time) => seconds(time - walk.asked);
  return [
    `asked at ${at(part.asked)}, shown at ${at(part.shown)}`,
    listed([ENDS[part.status] ?? part.status, part.isUnchanged && "not changed"]) +
      (part.code ? ` (${part.code})` : ""),
    part.pending && `pending from ${at(part.pending.from)} to ${at(part.pending.to)}`,
    serverWords(part),
    `over ${walk.over}, ${BY[part.by]} ${part.number}`,
  ]
    .filter(Boolean)
    .join("; ");
}

/** The same for a part that has not come. */
export function waitingWords({ asked, from, progress }, walk) {
  const at = (time) => seconds(time - walk.asked);
  const done = progress === null ? "" : `, ${percent(progress)} done`;
  return `asked at ${at(asked)}; pending since ${at(from)}${done}`;
}

export const percent = (share) => `${Math.round(share * 100)} %`;

export function serverWords({ ms, cached, queries, sql_ms, ran, waited_ms }) {
  if (ms === undefined) return "";
  const sql = sql_ms ? ` in ${milliseconds(sql_ms)}` : "";
  return listed([
    `server ${milliseconds(ms)}`,
    queries > 0 && counted(queries, "query", "queries") + sql,
    cached === true && "cached",
    cached === false && "not in the cache",
    RAN[ran] ?? ran,
    waited_ms >= 1 && `waited ${milliseconds(waited_ms)}`,
  ]);
}

/** A walk in a line. */
export function titleOf(walk) {
  const failed = walk.parts.filter(({ status }) => FAILED.includes(status));
  const worked = walk.parts.reduce((sum, { ms = 0 }) => sum + ms, 0);
  return listed([
    walk.at.toLocaleTimeString(),
    `${counted(walk.parts.length, "part", "parts")} in ${seconds(walk.end - walk.asked)}`,
    worked > 0 && `server ${milliseconds(worked)}`,
    failed.length > 0 && `${failed.length} failed`,
    walk.pending.size > 0 && `${walk.pending.size} pending`,
    walk.only !== null && `only ${walk.only.replaceAll(",", " and ")}`,
    !walk.isComplete && "more to come",
  ]);
}
