import test from 'node:test';
import assert from 'node:assert/strict';
import { receiptLine } from '../src/receipt.js';

test('names the item', () => {
  assert.match(receiptLine({ name: 'Tea', minor: 250, currency: 'EUR' }, 'de-DE'), /^Tea: 2/);
});
