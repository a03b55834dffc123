import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, sum } from '../src/money.js';

test('two decimals', () => {
  assert.equal(format(1250, 'EUR'), '12.50 EUR');
  assert.equal(format(-5, 'USD'), '-0.05 USD');
});

test('no decimals', () => {
  assert.equal(format(1250, 'JPY'), '1250 JPY');
  assert.equal(format(-7, 'KRW'), '-7 KRW');
});

test('three decimals', () => {
  assert.equal(format(1250, 'KWD'), '1.250 KWD');
  assert.equal(format(8, 'BHD'), '0.008 BHD');
});

test('unknown currencies', () => {
  assert.throws(() => format(1, 'XYZ'), RangeError);
  assert.throws(() => format(1, 'toString'), RangeError);
});

test('sum', () => {
  assert.equal(format(sum([100, 250, -50]), 'CHF'), '3.00 CHF');
});
