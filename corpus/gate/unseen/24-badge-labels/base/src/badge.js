const COLOURS = { plain: '#555', warn: '#c60', good: '#2a2' };

/** A badge as SVG. */
export function badge(text, kind = 'plain') {
  const width = 12 + 7 * text.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="20">`,
    `  <rect width="${width}" height="20" rx="3" fill="${COLOURS[kind]}"/>`,
    `  <text x="6" y="14" fill="#fff">${text}</text>`,
    '</svg>',
    '',
  ].join('\n');
}
