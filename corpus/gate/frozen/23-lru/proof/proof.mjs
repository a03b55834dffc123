import assert from 'node:assert/strict';
import * as all from './src/cache.js';

const cache = new all.Cache(3);
for (const key of 'xyz') cache.set(key, key);
cache.get('x');
cache.set('w', 'w');
assert.equal(cache.get('x'), 'x');
assert.equal(cache.get('y'), undefined);
assert.equal(all.createCache, undefined);
console.log('holds');
