import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { format } from './src/money.js';

assert.equal(format(99, 'CLP'), '99 CLP');
assert.equal(format(12345, 'TND'), '12.345 TND');
assert.equal(format(12345, 'SEK'), '123.45 SEK');
assert.throws(() => format(1, 'QQQ'), RangeError);
assert.ok(JSON.parse(readFileSync('package.json', 'utf8')).scripts['test:log']);
console.log('holds');
