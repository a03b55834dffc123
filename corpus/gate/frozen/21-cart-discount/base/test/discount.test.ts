import { expect, test } from 'vitest';
import { total } from '../src/cart';

test('TEN takes ten percent off', () => {
  expect(total([{ name: 'tea', cents: 250, count: 4 }], 'TEN')).toBe(900);
});

test('rounds in favour of the customer', () => {
  expect(total([{ name: 'gum', cents: 99, count: 1 }], 'TEN')).toBe(89);
});

test('an unknown code is named', () => {
  expect(() => total([{ name: 'tea', cents: 250, count: 1 }], 'FREE')).toThrow(/FREE/);
});
