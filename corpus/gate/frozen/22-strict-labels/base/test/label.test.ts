import test from 'node:test';
import assert from 'node:assert/strict';
import { label } from '../src/label.js';

test('all lines', () => {
  const customer = { name: 'Ada', address: { street: 'Main St 1', town: 'York', country: 'uk' } };
  assert.equal(label(customer), 'Ada\nMain St 1\nYork\nUK');
});
