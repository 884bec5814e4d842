/** Why a part failed, as the server tells it. */
export interface PartError {
  part: string;
  code: string;
  message: string;
  /** Whether asking again may help. */
  retryable: boolean;
  /** What finds the failure in the server's log. */
  reference: string;
}

/** A part as it came: its value, or why there is none. `P` maps names to values. */
export type Named<P = Record<string, unknown>> = {
  [Name in keyof P & string]:
    | { name: Name; value: P[Name]; error: null }
    | { name: Name; value: null; error: PartError };
}[keyof P & string];

/** The same, and how many parts the response has. */
export type Part<P = Record<string, unknown>> = Named<P> & { total: number };

/** What `fetch()` takes, and: */
export interface Options extends Omit<RequestInit, "method" | "body"> {
  /** Ask for these parts only: to try again one that failed. */
  only?: string | readonly string[];
  /** Another `fetch()`. */
  fetch?: typeof globalThis.fetch;
}

/**
 * Each part of a response as its page comes.
 *
 * A cursor that has expired starts the walk again, and no part comes twice.
 *
 * @throws PartstreamError the server sent no page.
 * @throws whatever `fetch()` throws; the reason of `signal` where that was aborted.
 */
export function parts<P = Record<string, unknown>>(
  url: string | URL,
  options?: Options,
): AsyncGenerator<Part<P>, void, undefined>;

/** `{ name: value }`; the value is null where the part failed. */
export type Result<P = Record<string, unknown>> = { [Name in keyof P]?: P[Name] | null };

/** A page in the form of REST. */
export interface Page<P = Record<string, unknown>> {
  results: Array<Result<P>>;
  /** Where the next page begins; null on the last one. */
  cursor: string | null;
  meta: { total_parts: number };
  errors?: PartError[];
}

/**
 * The same, of pages from elsewhere: `pageAt(cursor)` gives the page behind a cursor, null for the
 * first. An error whose `status` is 410 says that the cursor can no longer be followed.
 */
export function follow<P = Record<string, unknown>>(
  pageAt: (cursor: string | null) => Promise<Page<P>>,
): AsyncGenerator<Part<P>, void, undefined>;

export interface Progress<P = Record<string, unknown>> {
  /** The parts of this page, `[{ name: value }, …]`. */
  results: Array<Result<P>>;
  totalLoaded: number;
  hasMore: boolean;
}

export class ProgressiveLoader<P = Record<string, unknown>> {
  constructor(apiUrl: string | URL, options?: Options);
  apiUrl: string | URL;
  options: Options;
  /** What has come so far, `[{ name: value }, …]`. */
  allData: Array<Result<P>>;
  /** The parts of it that failed. */
  errors: PartError[];
  /** All parts; `onProgress` is called once a page. Throws as `parts()` does. */
  loadAll(onProgress?: ((progress: Progress<P>) => void) | null): Promise<Array<Result<P>>>;
  /** Ask again for these parts, or for all that failed and may be tried again. */
  retry(...names: string[]): Promise<Array<Result<P>>>;
}

/** The server sent no page. */
export class PartstreamError extends Error {
  constructor(status: number, code: string, message: string);
  /** Of HTTP. */
  status: number;
  /** "cursor_expired", "permission_denied", …; "" where the body has none. */
  code: string;
}

/** The header that Django wants of requests that are no GET, from its cookie. */
export function csrf(cookie?: string, header?: string): Record<string, string>;
