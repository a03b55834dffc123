/** Allows at most `limit` calls per `windowMs`. `now` tells the time in milliseconds. */
export function createLimiter({ limit, windowMs, now = Date.now }) {
  let window = -1;
  let count = 0;
  return {
    allow() {
      const current = Math.floor(now() / windowMs);
      if (current !== window) {
        window = current;
        count = 0;
      }
      if (count >= limit) {
        return false;
      }
      count += 1;
      return true;
    },
  };
}
