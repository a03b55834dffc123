import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter } from '../src/limiter.js';

function limiter(limit) {
  const clock = { time: 1_000_000 };
  const { allow } = createLimiter({ limit, windowMs: 1000, now: () => clock.time });
  return (time) => {
    clock.time = 1_000_000 + time;
    return allow();
  };
}

test('up to the limit', () => {
  const allow = limiter(2);
  assert.deepEqual([allow(0), allow(1), allow(2)], [true, true, false]);
});

test('allows again later', () => {
  const allow = limiter(1);
  assert.deepEqual([allow(0), allow(1500)], [true, true]);
});

test('not twice the limit around a full window', () => {
  const allow = limiter(2);
  assert.deepEqual([allow(900), allow(990), allow(1010), allow(1050)], [true, true, false, false]);
});

test('a place is free again one by one', () => {
  const allow = limiter(2);
  assert.deepEqual([allow(100), allow(600), allow(1100), allow(1150), allow(1600)], [true, true, true, false, true]);
});
