import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cart } from '../src/cart.js';

test('the same item is counted together', () => {
  const cart = new Cart();
  cart.add({ sku: 'tea', price: '4.50', quantity: 2 });
  cart.add({ sku: 'tea', price: '4.50' });
  assert.deepEqual(cart.lines(), [{ sku: 'tea', quantity: 3, cost: '13.50' }]);
  assert.equal(cart.total(), '13.50');
});

test('an unsound item changes nothing', () => {
  const cart = new Cart();
  for (const item of [
    { sku: '', price: '1.00' },
    { sku: 'tea', price: 'free' },
    { sku: 'tea', price: '1.00', quantity: 0 },
    { sku: 'tea', price: '1.00', quantity: 1.5 },
    { sku: 'tea', price: '1.00', quantity: 100 },
  ]) {
    assert.throws(() => cart.add(item), RangeError);
  }
  assert.deepEqual(cart.lines(), []);
});

test('a removed item is gone', () => {
  const cart = new Cart();
  cart.add({ sku: 'tea', price: '4.50' });
  assert.equal(cart.remove('tea'), true);
  assert.equal(cart.remove('tea'), false);
  assert.equal(cart.total(), '0.00');
});
