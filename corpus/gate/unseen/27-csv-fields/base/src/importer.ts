import { parse } from './csv.js';

/** Reads records; the first row has their names. */
export function records(text: string): Record<string, string>[] {
  const [names = [], ...rows] = parse(text);
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? ''])));
}
