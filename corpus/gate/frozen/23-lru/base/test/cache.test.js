import test from 'node:test';
import assert from 'node:assert/strict';
import { Cache } from '../src/cache.js';

test('keeps at most max', () => {
  const cache = new Cache(2);
  for (const n of [1, 2, 3]) cache.set(n, n * 10);
  assert.deepEqual([1, 2, 3].map((n) => cache.get(n)), [undefined, 20, 30]);
});
