import test from 'node:test';
import assert from 'node:assert/strict';
import { parseDate } from '../src/date.js';

test('a date', () => {
  assert.equal(parseDate('2024-02-29').toISOString(), '2024-02-29T00:00:00.000Z');
});

for (const text of ['2023-02-30', '2023-02-29', '2024-13-01', '2024-00-10', '2024-04-31', '2024-01-00']) {
  test(`${text} does not exist`, () => {
    assert.throws(() => parseDate(text), RangeError);
  });
}
