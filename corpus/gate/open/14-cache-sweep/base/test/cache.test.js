import test from 'node:test';
import assert from 'node:assert/strict';
import { fixture } from './helper.js';

test('keeps a value', () => {
  const { cache, clock } = fixture(10);
  cache.set('a', 1);
  clock.ms = 9;
  assert.equal(cache.get('a'), 1);
});

test('does not return what has expired', () => {
  const { cache, clock } = fixture(10);
  cache.set('a', 1);
  clock.ms = 10;
  assert.equal(cache.get('a'), undefined);
});

test('does not count what has expired', () => {
  const { cache, clock } = fixture(10);
  cache.set('a', 1);
  clock.ms = 5;
  cache.set('b', 2);
  clock.ms = 12;
  assert.equal(cache.size, 1);
});
