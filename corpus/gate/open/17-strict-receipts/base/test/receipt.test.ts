import test from 'node:test';
import assert from 'node:assert/strict';
import { receipt } from '../src/receipt.js';

test('lines, total and note', () => {
  const lines = [
    { product: 1, count: 2 },
    { product: 2, count: 1 },
  ];
  assert.equal(receipt(lines, 'Thank you'), '2 x tea 5.00\n1 x cake 3.80\ntotal 8.80\nThank you');
});
