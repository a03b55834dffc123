/** Whether a request may go on. */
export type Decision = { allowed: true } | { allowed: false; retryAfterS: number };

/** More clients than this at once are beyond one process; the longest unseen one is forgotten. */
const KEYS_MAX = 10_000;

/**
 * A token bucket per client, in the memory of this process: each server counts for itself, and a restart forgets. Behind
 * several servers, count at the load balancer or in a shared store instead.
 */
export class TokenBuckets {
  readonly #capacity: number;
  readonly #refillPerS: number;
  /** In order of their last use, the oldest first. */
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(limits: { capacity: number; refillPerS: number }) {
    this.#capacity = limits.capacity;
    this.#refillPerS = limits.refillPerS;
  }

  /** Takes one token of this client. `nowMs` never goes back: `performance.now()`. */
  take(key: string, nowMs: number): Decision {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#capacity, atMs: nowMs };
    const refilled = ((nowMs - bucket.atMs) / 1000) * this.#refillPerS;
    const tokens = Math.min(this.#capacity, bucket.tokens + refilled);
    const allowed = tokens >= 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > KEYS_MAX) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return allowed ? { allowed } : { allowed, retryAfterS: Math.ceil((1 - tokens) / this.#refillPerS) };
  }

  /** How many clients are remembered. */
  get size(): number {
    return this.#buckets.size;
  }
}
