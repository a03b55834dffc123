import test from 'node:test';
import assert from 'node:assert/strict';
import { newId } from '../src/id.js';
import { order } from '../src/order.js';

test('no two ids are the same', () => {
  assert.equal(new Set(Array.from({ length: 1000 }, () => newId())).size, 1000);
});

test('an order has an id', () => {
  assert.match(order([]).id, /^\w+$/);
});
