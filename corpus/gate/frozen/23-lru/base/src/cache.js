/** Keeps at most max entries. */
export class Cache {
  #entries = new Map();
  #max;

  constructor(max) {
    this.#max = max;
  }

  get(key) {
    return this.#entries.get(key);
  }

  set(key, value) {
    this.#entries.set(key, value);
    if (this.#entries.size > this.#max) this.#entries.delete(this.#entries.keys().next().value);
  }
}

/** The old way to make a cache. */
export function createCache(options = {}) {
  return new Cache(options.max ?? 100);
}
