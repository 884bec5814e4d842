import type { Named, Options, Pending, RetryOptions } from "./partstream.js";

export interface UseOptions extends Options {
  /**
   * Refresh all parts again and again, this many seconds after the last part came. It rests while
   * the tab is hidden, and refreshes at once when the tab becomes visible.
   */
  every?: number | null;
}

export interface UsedParts<P = Record<string, unknown>> {
  /** The parts that arrived, in order. */
  parts: Array<Named<P>>;
  /** The parts that are being computed elsewhere; `loading` is true while there are any. */
  pending: Pending[];
  /** The number of parts in the response; null before the first page, or the end of a stream. */
  total: number | null;
  loading: boolean;
  /** Whether a request waits for trouble to pass, such as a network that is gone. */
  waiting: boolean;
  /** The error that stopped the walk: a `PartstreamError` or an error of `fetch()`. */
  error: Error | null;
  /**
   * Request these parts again, or all failed parts that are retryable. `signal` ends that at once
   * and leaves the parts as they are.
   */
  retry(...names: string[]): void;
  retry(names: string | readonly string[], options?: RetryOptions): void;
  /**
   * Request these parts again, or all parts, and replace each in its place when it comes. `loading`
   * stays as it is. Without names a part that is not in the response any more is dropped.
   */
  refresh(...names: string[]): void;
  refresh(names: string | readonly string[], options?: RetryOptions): void;
  /** Walk again from the start. */
  reload(): void;
}

/** The parts of `url` as they arrive; null waits. `options` are read when a walk starts. */
export function useParts<P = Record<string, unknown>>(
  url: string | URL | null | undefined | false,
  options?: UseOptions,
): UsedParts<P>;
