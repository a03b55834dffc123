import assert from 'node:assert/strict';
import { parseDate } from './src/date.js';

assert.throws(() => parseDate('2100-02-29'), RangeError);
assert.equal(parseDate('2000-02-29').getUTCDate(), 29);
console.log('holds');
