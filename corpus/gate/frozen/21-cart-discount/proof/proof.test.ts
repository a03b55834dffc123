import { expect, test } from 'vitest';
import { total } from './src/cart';

test('proof', () => {
  expect(total([{ name: 'x', cents: 1000, count: 10 }], 'TEN')).toBe(9000);
  expect(() => total([], 'NOPE')).toThrow(/NOPE/);
});
