import type { Named, Remembered } from "./partstream.js";

/**
 * The option `remembered` of a walk, for `parts` as earlier walks gave them. The walk sends the tags
 * of their values. A part that has not changed comes with the very value that it has here. Without
 * parts the walk asks for tags.
 */
export function remembered(
  parts?: Iterable<Pick<Named, "name" | "value" | "etag">>,
): Remembered;
