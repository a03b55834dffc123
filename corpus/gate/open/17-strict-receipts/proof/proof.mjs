import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const built = spawnSync('node_modules/.bin/tsc', ['-p', '.', '--strict', '--outDir', 'proof-dist'], { encoding: 'utf8' });
assert.equal(built.status, 0, built.stdout);
const { receipt } = await import('./proof-dist/src/receipt.js');
assert.equal(receipt([{ product: 9, count: 1 }, { product: 2, count: 2 }]), '1 x unknown product 9\n2 x cake 7.60\ntotal 7.60');
console.log('holds');
