import { parseDate } from './date.js';

const DAY_MS = 86_400_000;

/** How many days lie between two dates. */
export function daysBetween(from, to) {
  return (parseDate(to) - parseDate(from)) / DAY_MS;
}
