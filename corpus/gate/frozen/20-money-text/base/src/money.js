/** Writes an amount given in the smallest unit of the currency. */
export function formatMoney(minor, currency, locale) {
  return `${(minor / 100).toFixed(2)} ${currency}`;
}
