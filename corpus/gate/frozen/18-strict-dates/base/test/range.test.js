import test from 'node:test';
import assert from 'node:assert/strict';
import { daysBetween } from '../src/range.js';

test('over a leap day', () => {
  assert.equal(daysBetween('2024-02-28', '2024-03-01'), 2);
});
