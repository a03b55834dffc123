export interface Line {
  name: string;
  cents: number;
  count: number;
}

/** What the lines cost, in cents. */
export function total(lines: Line[]): number {
  return lines.reduce((sum, line) => sum + line.cents * line.count, 0);
}
