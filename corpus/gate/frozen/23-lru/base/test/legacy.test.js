import test from 'node:test';
import assert from 'node:assert/strict';
import { createCache } from '../src/cache.js';

test('createCache', () => {
  const cache = createCache({ max: 1 });
  cache.set('a', 1);
  assert.equal(cache.get('a'), 1);
});
