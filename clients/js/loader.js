// Whole pages, for partstream.js, which exports the class.

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
      this.#failures.clear();
      await this.#load({}, onProgress);
      return this.allData;
    }

    async retry(...names) {
      const failed = this.errors.filter(({ retryable }) => retryable).map(({ part }) => part);
      await this.#load({ only: names.length ? this.#known(names) : failed });
      return this.allData;
    }

    async refresh(...names) {
      const only = names.length ? this.#known(names) : this.options.only;
      const came = await this.#load({ only, first: null });
      if (!names.length) this.#leave(came);
      return this.allData;
    }

    // A renderer may have renamed a part; its error has the name to ask for.
    #known(names) {
      return names.map((name) => this.#failures.get(name)?.part ?? name);
    }

    // Returns the names of the parts that came.
    async #load(change, onProgress) {
      const names = [];
      for await (const { came, hasMore } of pagesOf(this.apiUrl, { ...this.options, ...change })) {
        const results = came.map((part) => this.#put(part));
        names.push(...results.flatMap(Object.keys));
        onProgress?.({ results, totalLoaded: this.allData.length, hasMore });
      }
      return names;
    }

    #put({ name, value, error }) {
      const result = { [name]: value };
      const place = this.allData.findIndex((one) => Object.hasOwn(one, name));
      this.allData.splice(place < 0 ? this.allData.length : place, 1, result);
      this.#failures.delete(name);
      if (error) this.#failures.set(name, error);
      return result;
    }

    // Drop the parts that the response has no more.
    #leave(names) {
      const isLeft = (name) => names.includes(name);
      this.allData = this.allData.filter((result) => Object.keys(result).some(isLeft));
      for (const name of this.#failures.keys()) if (!isLeft(name)) this.#failures.delete(name);
    }
  };
