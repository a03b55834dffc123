import { column, Sheet } from "./sheet.js";

export interface Total {
  name: string;
  sum: number;
  /** Left out where there is none. */
  largest?: number;
}

export function total(sheet: Sheet, name: string): Total {
  const numbers = column(sheet, name).map((cell) => Number(cell.replace(",", ".")));
  const sorted = [...numbers].sort((a, b) => b - a);
  return { name, sum: numbers.reduce((a, b) => a + b, 0), largest: sorted[0] };
}

/** Sums of one column for each value of another. */
export function grouped(sheet: Sheet, by: string, name: string): Map<string, number> {
  const keys = column(sheet, by);
  const numbers = column(sheet, name).map((cell) => Number(cell.replace(",", ".")));
  const sums = new Map<string, number>();
  keys.forEach((key, at) => sums.set(key, (sums.get(key) ?? 0) + numbers[at]));
  return sums;
}
