import type { Options, PartError, Result } from "./partstream.js";

export interface Progress<P = Record<string, unknown>> {
  /** The parts of this page, `[{ name: value }, …]`; in a stream one, and none at its end. */
  results: Array<Result<P>>;
  totalLoaded: number;
  hasMore: boolean;
}

export class ProgressiveLoader<P = Record<string, unknown>> {
  constructor(apiUrl: string | URL, options?: Options);
  apiUrl: string | URL;
  options: Options;
  /** The parts loaded so far, `[{ name: value }, …]`. */
  allData: Array<Result<P>>;
  /** The error entries of the failed parts. */
  readonly errors: PartError[];
  /** Load all parts; `onProgress` is called for each page, or part of a stream. Throws as `parts()`. */
  loadAll(onProgress?: ((progress: Progress<P>) => void) | null): Promise<Array<Result<P>>>;
  /** Request these parts again, or all failed parts that are retryable. */
  retry(...names: string[]): Promise<Array<Result<P>>>;
  /**
   * Request these parts again, or all parts, and replace each in its place. A value that has not
   * changed stays, and is not sent again. Without names a part that is not in the response any more
   * is dropped.
   */
  refresh(...names: string[]): Promise<Array<Result<P>>>;
}
