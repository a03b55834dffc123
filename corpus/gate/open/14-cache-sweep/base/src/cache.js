const SWEEP_MS = 1000;

/** Keeps values for a while. `now` tells the time in milliseconds. */
export class Cache {
  #entries = new Map();

  constructor(ttlMs, now = Date.now) {
    this.ttlMs = ttlMs;
    this.now = now;
  }

  set(key, value) {
    this.#entries.set(key, { value, ends: this.now() + this.ttlMs });
    this.timer ??= setTimeout(() => this.sweep(), SWEEP_MS);
  }

  get(key) {
    return this.#entries.get(key)?.value;
  }

  get size() {
    return this.#entries.size;
  }

  /** Forgets what has expired. */
  sweep() {
    this.timer = undefined;
    for (const [key, { ends }] of this.#entries) {
      if (ends <= this.now()) this.#entries.delete(key);
    }
  }
}
