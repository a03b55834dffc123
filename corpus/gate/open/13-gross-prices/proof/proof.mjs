import assert from 'node:assert/strict';
import { due } from '#lib/invoice.js';
import { RATES } from '#lib/rates.js';
import { gross } from '#lib/tax.js';

assert.ok(RATES);
assert.deepEqual([gross(200, 'DE'), gross(2000, 'CH'), gross(3, 'AT')], [238, 2162, 4]);
assert.equal(due([{ cents: 100, count: 1 }], 'CH'), 108);
assert.throws(() => gross(1, 'FR'), /FR/);
console.log('holds');
