// Whole pages, for partstream.js, which exports the class.

/** The class for the pages that `pagesOf(url, options)` yields. */
export const loaderOf = (pagesOf) =>
  class ProgressiveLoader {
    #failures = new Map();

    constructor(apiUrl, options = {}) {
      Object.assign(this, { apiUrl, options, allData: [] });
    }

    get errors() {
      return [...this.#failures.values()];
    }

    async loadAll(onProgress = null) {
      this.allData = [];
      this.#failures = new Map();
      return this.#load({}, onProgress);
    }

    async retry(...given) {
      const { names, signal } = wanted(given);
      const failed = this.errors.filter(({ retryable }) => retryable).map(({ part }) => part);
      const only = names?.map((name) => this.#failures.get(name)?.part ?? name) ?? failed;
      return this.#load({ only, signal: either(signal, this.options.signal) });
    }

    async #load(change, onProgress) {
      for await (const { came, hasMore } of pagesOf(this.apiUrl, { ...this.options, ...change })) {
        const results = came.map((part) => this.#put(part));
        onProgress?.({ results, totalLoaded: this.allData.length, hasMore });
      }
      return this.allData;
    }

    #put({ name, value, error }) {
      const result = { [name]: value };
      const place = this.allData.findIndex((one) => Object.hasOwn(one, name));
      this.allData.splice(place < 0 ? this.allData.length : place, 1, result);
      this.#failures.delete(name);
      if (error) this.#failures.set(name, error);
      return result;
    }
  };

/**
 * The names in `retry("a", "b")` or `retry(["a", "b"], { signal })`, and the signal. Names are null
 * in `retry()`, also where a button calls it with an event.
 */
export function wanted(given) {
  const names = given.filter((one) => typeof one === "string" || Array.isArray(one));
  return { names: names.length ? names.flat() : null, signal: given.at(-1)?.signal };
}

/** A signal that aborts as soon as either does; each may be missing. */
export function either(one, other) {
  return one && other ? AbortSignal.any([one, other]) : (one ?? other);
}
