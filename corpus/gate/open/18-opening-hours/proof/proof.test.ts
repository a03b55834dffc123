import { expect, test } from 'vitest';
import { Hours } from './src/hours';

test('proof', () => {
  const hours = new Hours().plus(10, 20).plus(40, 50).plus(20, 30).plus(1, 2);
  expect(JSON.stringify(hours.spans)).toBe('[[1,2],[10,30],[40,50]]');
  expect(hours.equals(new Hours([[1, 2]]))).toBe(false);
});
