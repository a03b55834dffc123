import test from 'node:test';
import assert from 'node:assert/strict';
import { formatMoney } from '../src/money.js';

test('euro in Germany', () => {
  assert.equal(formatMoney(123450, 'EUR', 'de-DE').replace(/\u00a0/g, ' '), '1.234,50 €');
});

test('dollars in the States', () => {
  assert.equal(formatMoney(123450, 'USD', 'en-US').replace(/\u00a0/g, ' '), '$1,234.50');
});

test('yen have no cents', () => {
  assert.equal(formatMoney(1234, 'JPY', 'en-US').replace(/\u00a0/g, ' '), '¥1,234');
});
