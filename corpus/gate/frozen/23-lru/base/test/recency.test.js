import test from 'node:test';
import assert from 'node:assert/strict';
import { Cache } from '../src/cache.js';

test('get counts as use', () => {
  const cache = new Cache(2);
  cache.set('a', 1);
  cache.set('b', 2);
  cache.get('a');
  cache.set('c', 3);
  assert.deepEqual(['a', 'b', 'c'].map((key) => cache.get(key)), [1, undefined, 3]);
});

test('set counts as use', () => {
  const cache = new Cache(2);
  cache.set('a', 1);
  cache.set('b', 2);
  cache.set('a', 11);
  cache.set('c', 3);
  assert.deepEqual(['a', 'b', 'c'].map((key) => cache.get(key)), [11, undefined, 3]);
});
