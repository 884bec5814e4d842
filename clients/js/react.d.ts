import type { Named, Options } from "./partstream.js";

export interface UsedParts<P = Record<string, unknown>> {
  /** Those that came, in order. */
  parts: Array<Named<P>>;
  /** How many there are; null before the first page. */
  total: number | null;
  loading: boolean;
  /** Why the walk stopped: a `PartstreamError`, or what `fetch()` threw. */
  error: Error | null;
  /** Ask again for these parts, or for all that failed and may be tried again. */
  retry(...names: string[]): void;
  /** Walk again from the start. */
  reload(): void;
}

/** The parts of `url` as they come; null waits. `options` are read when a walk begins. */
export function useParts<P = Record<string, unknown>>(
  url: string | URL | null | undefined | false,
  options?: Options,
): UsedParts<P>;
