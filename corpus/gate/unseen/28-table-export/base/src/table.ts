export type Cell = string | number | Date | null;

function show(cell: Cell): string {
  if (cell === null) {
    return '';
  }
  return cell instanceof Date ? cell.toLocaleDateString('sv-SE') : String(cell);
}

/** Writes rows as comma-separated text. */
export function write(rows: Cell[][]): string {
  return rows.map((row) => row.map(show).join(',') + '\n').join('');
}
