import { expect, test } from 'vitest';
import { total } from '../src/cart';

test('adds up', () => {
  expect(total([{ name: 'tea', cents: 250, count: 3 }])).toBe(750);
  expect(total([])).toBe(0);
});
