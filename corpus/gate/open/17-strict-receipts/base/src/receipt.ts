import { product } from './products.js';

export interface Line {
  product: number;
  count: number;
}

function money(cents: number): string {
  return (cents / 100).toFixed(2);
}

/** Writes a receipt. */
export function receipt(lines: Line[], note): string {
  let total = 0;
  const rows = lines.map((line) => {
    const sold = product(line.product);
    total += line.count * sold.cents;
    return `${line.count} x ${sold.name} ${money(line.count * sold.cents)}`;
  });
  return [...rows, `total ${money(total)}`, note].join('\n');
}
