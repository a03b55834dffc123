// A few of eslint's rules without its packages. Knows `eslint-disable-next-line RULE -- reason`.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const RULES = {
  eqeqeq: { pattern: /[^=!]==[^=]|!=[^=]/g, says: 'use === or !==' },
  'no-empty': { pattern: /\b(?:catch(?:\s*\(\w+\))?|finally|else)\s*\{\s*\}/g, says: 'an empty block' },
};

const folder = process.argv[2];
const wanted = JSON.parse(readFileSync(new URL('lint.json', import.meta.url), 'utf8'));
let found = 0;
for (const name of readdirSync(folder).filter((name) => name.endsWith('.js'))) {
  const text = readFileSync(join(folder, name), 'utf8');
  const lines = text.split('\n');
  for (const [rule, { pattern, says }] of Object.entries(RULES)) {
    if (!wanted[rule]) continue;
    for (const { index } of text.matchAll(pattern)) {
      const line = text.slice(0, index).split('\n').length;
      if (lines[line - 2]?.includes(`eslint-disable-next-line ${rule}`)) continue;
      console.error(`${folder}/${name}:${line}: ${says} (${rule})`);
      found += 1;
    }
  }
}
process.exitCode = found === 0 ? 0 : 1;
