/**
 * Call `onVisible(names)` with the parts whose elements become visible: each once, and those of a
 * frame together. Returns a function that ends it.
 *
 * @param elements the elements of the parts, each with the name of its part in `data-part`.
 * @param options the options of an `IntersectionObserver`, such as `{ rootMargin: "200px" }`.
 */
export function whenVisible(
  elements: Iterable<HTMLElement | SVGElement>,
  onVisible: (names: string[]) => void,
  options?: IntersectionObserverInit,
): () => void;

/** The names of the parts whose elements are visible now: none in a hidden tab. */
export function visibleNow(
  elements: Iterable<HTMLElement | SVGElement>,
  options?: IntersectionObserverInit,
): Promise<string[]>;
