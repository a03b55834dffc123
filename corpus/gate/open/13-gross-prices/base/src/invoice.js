import { gross } from '#lib/tax.js';

/** Returns what the lines cost with tax, in cents. */
export function due(lines, country) {
  return gross(lines.reduce((sum, line) => sum + line.cents * line.count, 0), country);
}
