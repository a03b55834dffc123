/** Reads rows of comma-separated fields. */
export function parse(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(','));
}
