import { Cache } from '../src/cache.js';

/** Returns a cache and a clock that moves by hand. */
export function fixture(ttlMs) {
  const clock = { ms: 0 };
  return { cache: new Cache(ttlMs, () => clock.ms), clock };
}
