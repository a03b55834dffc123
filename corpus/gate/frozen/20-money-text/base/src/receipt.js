import { formatMoney } from './money.js';

export function receiptLine(item, locale) {
  return `${item.name}: ${formatMoney(item.minor, item.currency, locale)}`;
}
