const LETTER_PX = 7;
const SPACE_PX = 10;

/** Draws a badge with a label on the left and a value on the right. */
export function badge(label: string, value: string): string {
  const left = label.length * LETTER_PX + SPACE_PX;
  const right = value.length * LETTER_PX + SPACE_PX;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="20">`,
    `<rect width="${left}" height="20" fill="#555"/>`,
    `<rect x="${left}" width="${right}" height="20" fill="#4c1"/>`,
    `<text x="5" y="14" fill="#fff">${label}</text>`,
    `<text x="${left + 5}" y="14" fill="#fff">${value}</text>`,
    '</svg>',
    '',
  ].join('\n');
}
