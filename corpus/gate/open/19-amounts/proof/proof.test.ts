import { expect, test } from 'vitest';
import { parse } from './src/amount';

test('proof', () => {
  expect(parse('-9.876,5 €')).toBe(-987650);
  expect(() => parse('1.2')).toThrow(/1\.2/);
});
