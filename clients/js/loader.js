// Whole pages, and all parts of a response together. loader.d.ts describes the class.

import { pagesOf } from "./partstream.js";
import { refreshing } from "./remembered.js";

export class ProgressiveLoader {
  #parts = new Map(); // by name, as they came last

  constructor(apiUrl, options = {}) {
    Object.assign(this, { apiUrl, options, allData: [] });
  }

  get errors() {
    return this.#known.map(({ error }) => error).filter(Boolean);
  }

  async loadAll(onProgress = null) {
    this.allData = [];
    this.#parts.clear();
    await this.#load({}, onProgress);
    return this.allData;
  }

  async retry(...names) {
    const failed = this.errors.filter(({ retryable }) => retryable).map(({ part }) => part);
    await this.#load({ only: names.length ? this.#requested(names) : failed });
    return this.allData;
  }

  async refresh(...names) {
    const isAll = names.length === 0;
    const remembered = refreshing(this.#known, isAll ? null : names, this.options.remembered);
    const only = isAll ? this.options.only : this.#requested(names);
    const came = await this.#load({ only, first: null, remembered });
    if (isAll) this.#leave(came);
    return this.allData;
  }

  get #known() {
    return [...this.#parts.values()];
  }

  // A renderer may have renamed a part; its error has the name to ask for.
  #requested(names) {
    return names.map((name) => this.#parts.get(name)?.error?.part ?? name);
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

  #put(part) {
    const { name, value } = part;
    const result = { [name]: value };
    const place = this.allData.findIndex((one) => Object.hasOwn(one, name));
    this.allData.splice(place < 0 ? this.allData.length : place, 1, result);
    this.#parts.set(name, part);
    return result;
  }

  // Drop the parts that the response has no more.
  #leave(names) {
    const isLeft = (name) => names.includes(name);
    this.allData = this.allData.filter((result) => Object.keys(result).some(isLeft));
    for (const name of this.#parts.keys()) if (!isLeft(name)) this.#parts.delete(name);
  }
}
