import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, show, sum, times } from '../src/money.js';

test('a sum is exact', () => {
  assert.equal(show(sum([parse('0.10'), parse('0.20')])), '0.30');
  assert.equal(show(times(parse('1234.56'), 10)), '12345.60');
});

test('what is no price is refused', () => {
  for (const text of ['', '-1', '1.234', '1,50', '1e3', 4.5, null]) {
    assert.throws(() => parse(text), RangeError, String(text));
  }
});
