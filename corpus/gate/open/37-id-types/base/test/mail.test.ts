import test from 'node:test';
import assert from 'node:assert/strict';
import { orderPage } from '../src/mail.js';

test('the page of an order', () => {
  assert.equal(orderPage('u_00c0ffee', 'o_12345678'), '/users/u_00c0ffee/orders/o_12345678');
});
