/** All whom no trusted proxy tells apart. */
export const EVERYBODY = "everybody";

/**
 * Whom a request is counted for. Each proxy appends the address that it saw to `X-Forwarded-For`; all before the entries of
 * our own proxies is what a stranger wrote. Without a trusted proxy nobody can be told apart, and all share one bucket.
 */
export function clientKey(forwardedFor: string | null, trustedProxies: number): string {
  if (trustedProxies === 0 || forwardedFor === null) {
    return EVERYBODY;
  }
  const seen = forwardedFor.split(",").map((address) => address.trim());
  return seen.at(-trustedProxies) ?? EVERYBODY;
}
