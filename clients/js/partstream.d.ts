/** The error entry of a failed part. */
export interface PartError {
  part: string;
  code: string;
  message: string;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  /** Identifies the failure in the server's log. */
  reference: string;
  /** The place of the part in the `results` of its page. */
  index: number;
}

/**
 * A part: its value, or its error entry. `P` maps names to values. `etag` is the tag of the value,
 * where a walk asked for tags.
 */
export type Named<P = Record<string, unknown>> = {
  [Name in keyof P & string]:
    | { name: Name; value: P[Name]; error: null; etag?: string }
    | { name: Name; value: null; error: PartError; etag?: undefined };
}[keyof P & string];

/** A part, and the number of parts in the response: null for a part of a stream. */
export type Part<P = Record<string, unknown>> = Named<P> & { total: number | null };

/** A part that is being computed elsewhere. */
export interface Pending {
  name: string;
  /** From 0 to 1; null if the server does not know. */
  progress: number | null;
}

/** The options of a walk over pages of any source. */
export interface FollowOptions {
  /**
   * Called with all pending parts whenever a page, or a line of a stream, tells of them, and with
   * `[]` when none is left. The walk itself waits for them.
   */
  onPending?: (pending: Pending[]) => void;
  /**
   * Called with the error each time the walk waits for trouble to pass, such as a network that is
   * gone or a busy server, and with null when the walk goes on or ends.
   */
  onWaiting?: (error: Error | null) => void;
  /**
   * The seconds for which the walk asks again where no page comes: 60 unless given, 0 for never.
   * Then it throws the last error.
   */
  patience?: number;
  /**
   * Ends the walk at once, also while it waits. A request of `pageAt()` or of another `fetch` ends
   * only if it is given the signal, too.
   */
  signal?: AbortSignal | null;
}

/** The options of `fetch()`, and those of a walk. */
export interface Options extends FollowOptions, Omit<RequestInit, "method" | "body" | "signal"> {
  /** Request only these parts, for example to retry a failed part; null for all. */
  only?: string | readonly string[] | null;
  /**
   * Request these parts first, and then the others. Their `total` is null. If one of them fails and
   * is retryable, it comes with the others, from a second try. If the server refuses the request
   * (400), the parts come in the order of the response. Without effect beside `only`.
   */
  first?: string | readonly string[] | null;
  /**
   * Take all parts from one response, each when it ends, and continue where it breaks. Where no
   * stream comes through, the parts come in pages.
   */
  stream?: boolean;
  /**
   * What `remembered()` of "partstream/remembered" returns: the parts that the caller has. Those that
   * have not changed come without their values being sent.
   *
   * To `ProgressiveLoader` and the hooks it is an option for their walks; their refreshes remember
   * the parts by themselves, of the page's own origin unless this is given. Null for never.
   */
  remembered?: Remembered | null;
  /** A replacement for `fetch()`. */
  fetch?: typeof globalThis.fetch;
}

/** The parts that a caller has, for a walk to send their tags. */
export interface Remembered {
  /** Put the tags into a request for `address`. */
  ask(address: URL, headers: Headers, init: RequestInit): void;
  /** Give parts of a page their tags, and the values that the page leaves out. */
  fill(came: Named[], page: Pick<Page, "etags" | "unchanged">): void;
}

/**
 * Each part of a response as its page arrives, or by itself in a stream.
 *
 * If the cursor has expired, the walk starts again. If a request fails and may succeed later, the
 * walk asks again: after an error of `fetch()`, a body that breaks off, or the status 408, 425,
 * 429, 500, 502, 503, 504 or 520 to 524. It waits as long as `Retry-After` says; else 0.5 to 1
 * second, then twice as long each time, up to 5 to 10. No part is yielded twice.
 *
 * @throws PartstreamError if the server sent no page; for a status above, once `patience` is over,
 *   or if `Retry-After` is longer than what is left of it.
 * @throws any error of `fetch()` that lasts; the reason of `signal` if it was aborted.
 */
export function parts<P = Record<string, unknown>>(
  url: string | URL,
  options?: Options,
): AsyncGenerator<Part<P>, void, undefined>;

/** `{ name: value }`; the value is null if the part failed. */
export type Result<P = Record<string, unknown>> = { [Name in keyof P]?: P[Name] | null };

/** A page in the REST format. */
export interface Page<P = Record<string, unknown>> {
  results: Array<Result<P>>;
  /** The cursor of the next page; null on the last page. */
  cursor: string | null;
  meta: { total_parts: number };
  errors?: PartError[];
  /** The pending parts, which a later page brings. */
  pending?: PendingEntry[] | null;
  /** The tags of the values, for a client that asked for them. */
  etags?: Record<string, string>;
  /** The parts of which the client has the values. They are null in `results`. */
  unchanged?: string[];
}

/** A pending part as REST (`part`, `retry_after`) or GraphQL (`name`, `retryAfter`) tells of it. */
export interface PendingEntry {
  part?: string;
  name?: string;
  /** Seconds until it may be there. */
  retry_after?: number | null;
  retryAfter?: number | null;
  progress?: number | null;
}

/**
 * The same for pages of another source. `pageAt(cursor)` returns the page after a cursor, or the
 * first page for null. An error with `status` 410 means that the cursor is too old to follow. A
 * `TypeError`, which `fetch()` throws, or an error with one of the statuses that may pass is waited
 * out, for the seconds in its `retryAfter` if it has them. After a page with pending parts and no
 * new part the walk waits: 0.1 to 30 seconds, or 1 if it names none.
 */
export function follow<P = Record<string, unknown>>(
  pageAt: (cursor: string | null) => Promise<Page<P>>,
  options?: FollowOptions,
): AsyncGenerator<Part<P>, void, undefined>;

/** The options of `retry()` and `refresh()` of the hooks. */
export interface RetryOptions {
  /** Ends this request and its waits, beside the `signal` of the walk. */
  signal?: AbortSignal | null;
}

/** The server sent no page. */
export class PartstreamError extends Error {
  constructor(status: number, code: string, message: string, retryAfter?: number | null);
  /** The HTTP status. */
  status: number;
  /** "cursor_expired", "permission_denied", …; "" if the body has no code. */
  code: string;
  /** The seconds that the server asks to wait; null if it does not say. */
  retryAfter: number | null;
}

/** The CSRF header that Django requires of a POST, PUT or DELETE, from Django's cookie. */
export function csrf(cookie?: string, header?: string): Record<string, string>;
