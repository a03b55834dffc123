/** Writes an amount in minor units, as `12.50 EUR`. */
export function format(minor, currency) {
  const sign = minor < 0 ? '-' : '';
  const digits = String(Math.abs(minor)).padStart(3, '0');
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)} ${currency}`;
}

/** Adds up amounts of one currency. */
export function sum(amounts) {
  return amounts.reduce((total, amount) => total + amount, 0);
}
