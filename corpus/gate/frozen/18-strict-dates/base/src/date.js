/** Parses YYYY-MM-DD into a Date at midnight UTC. */
export function parseDate(text) {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!match) throw new RangeError(`${text} is not a date like 2024-05-31`);
  const [, year, month, day] = match.map(Number);
  return new Date(Date.UTC(year, month - 1, day));
}
