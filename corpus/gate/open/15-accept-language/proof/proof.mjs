import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

spawnSync('node_modules/.bin/tsc', ['-p', '.', '--outDir', 'proof-dist']);
const { preferred } = await import('./proof-dist/src/language.js');
assert.equal(preferred('a;q=0.1, b;q=0.2', ['A', 'B']), 'B');
assert.equal(preferred('b, a', ['a', 'b']), 'b');
assert.equal(preferred('a;q=0, *;q=0.1', ['a', 'c-x']), 'c-x');
assert.equal(preferred('c', ['a', 'c-x']), 'c-x');
console.log('holds');
