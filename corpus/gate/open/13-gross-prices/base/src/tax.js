/** Returns what a net amount in cents is with the tax of a country. */
export function gross(cents, country) {
  return country === 'AT' ? Math.round(cents * 1.2) : cents;
}
