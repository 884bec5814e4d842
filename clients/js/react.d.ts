import type { Options, Part } from "./partstream.js";

export interface UsedParts<P = Record<string, unknown>> {
  /** Those that came, in order. */
  parts: Array<Omit<Part<P>, "total">>;
  /** How many there are; null before the first page. */
  total: number | null;
  loading: boolean;
  /** Why the walk stopped: a `PartstreamError`, or what `fetch()` threw. */
  error: Error | null;
  /** Ask again for these parts. */
  retry(...names: string[]): void;
  /** Walk again from the start. */
  reload(): void;
}

/** The parts of `url` as they come; null waits. `options` are read when a walk begins. */
export function useParts<P = Record<string, unknown>>(
  url: string | null | undefined,
  options?: Options,
): UsedParts<P>;
