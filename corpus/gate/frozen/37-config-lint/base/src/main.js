import { readFileSync } from 'node:fs';
import { lint } from './lint.js';

for (const path of process.argv.slice(2)) {
  for (const finding of lint(readFileSync(path, 'utf8'))) console.log(`${path}:${finding}`);
}
