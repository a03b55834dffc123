/** Writes an amount in cents as euros. */
export function format(cents: number): string {
  const [whole = '', rest = ''] = (Math.abs(cents) / 100).toFixed(2).split('.');
  return `${cents < 0 ? '-' : ''}${whole.replace(/\B(?=(\d{3})+$)/g, '.')},${rest} €`;
}

/** Reads an amount in euros and returns it in cents. */
export function parse(text: string): number {
  return Math.round(Number.parseFloat(text) * 100);
}
