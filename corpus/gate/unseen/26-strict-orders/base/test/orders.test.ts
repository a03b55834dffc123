import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Shop } from '../src/orders.js';

function shop() {
  const shop = new Shop({ saw: 1200, nail: 5 });
  shop.add({ id: 'o1', items: [{ sku: 'saw', quantity: 1 }, { sku: 'nail', quantity: 40 }] });
  shop.add({ id: 'empty', items: [] });
  return shop;
}

test('net and gross', () => {
  assert.equal(shop().net('o1'), 1400);
  assert.equal(shop().gross('o1', 20), 1680);
  assert.equal(shop().net('empty'), 0);
});

test('first', () => {
  assert.deepEqual(shop().first('o1'), { sku: 'saw', quantity: 1 });
});

test('a missing order is an error', () => {
  assert.throws(() => shop().net('o2'));
  assert.throws(() => shop().first('o2'));
});
