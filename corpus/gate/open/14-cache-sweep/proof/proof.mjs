import assert from 'node:assert/strict';
import { Cache } from './src/cache.js';

let now = 0;
const cache = new Cache(3, () => now);
cache.set('x', 'y');
now = 4;
assert.equal(cache.get('x'), undefined);
cache.set('z', 1);
assert.equal(cache.size, 1);
cache.close();
console.log('holds');
