import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Shop } from './build/src/orders.js';

const shop = new Shop({ a: 1 });
shop.add({ id: 'x', items: [{ sku: 'b', quantity: 2 }] });
for (const [call, id] of [[() => shop.net('y'), 'y'], [() => shop.first('z'), 'z'], [() => shop.net('x'), 'b']]) {
  assert.throws(call, (error) => error.name === 'NotFound' && error.message.includes(id));
}
assert.match(readFileSync('tsconfig.json', 'utf8'), /"strict": true/);
console.log('holds');
