// The names of the parts whose elements are visible.

const nameOf = (element) => element.dataset.part;

/**
 * Call `onVisible(names)` with the parts whose elements become visible, each once, and those of a
 * frame together. The name of a part is in `data-part` of its element. `options` are those of an
 * `IntersectionObserver`. Returns a function that ends it.
 */
export function whenVisible(elements, onVisible, options) {
  const names = new Set();
  let frame = null;

  function tell() {
    const told = [...names];
    names.clear();
    frame = null;
    onVisible(told);
  }

  const observer = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter(({ isIntersecting }) => isIntersecting)) {
      observer.unobserve(target);
      if (nameOf(target)) names.add(nameOf(target));
    }
    if (names.size) frame ??= requestAnimationFrame(tell);
  }, options);
  for (const element of elements) observer.observe(element);
  return () => {
    observer.disconnect();
    cancelAnimationFrame(frame);
  };
}

/** The names of the parts whose elements are visible now: none in a hidden tab. */
export function visibleNow(elements, options) {
  const all = [...elements];
  if (!all.length || document.hidden) return Promise.resolve([]);
  return new Promise((resolve) => {
    const observer = new IntersectionObserver((entries) => {
      observer.disconnect();
      const visible = entries.filter(({ isIntersecting }) => isIntersecting);
      resolve(visible.map(({ target }) => nameOf(target)).filter(Boolean));
    }, options);
    for (const element of all) observer.observe(element);
  });
}
