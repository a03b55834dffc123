// The HTTP view on its own loopback port.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { makeServer } from '../src/server.js';

const server = makeServer();
let url;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.close();
  server.closeAllConnections();
});

function post(path, body) {
  return fetch(url + path, { method: 'POST', body: JSON.stringify(body) });
}

test('a cart is filled over HTTP', async () => {
  const added = await post('/carts/ada/items', { sku: 'tea', price: '4.50', quantity: 2 });
  assert.equal(added.status, 201);
  const cart = await (await fetch(`${url}/carts/ada`)).json();
  assert.deepEqual(cart, { lines: [{ sku: 'tea', quantity: 2, cost: '9.00' }], total: '9.00' });
});

test('an unsound item is answered with its reason', async () => {
  const refused = await post('/carts/bob/items', { sku: 'tea', price: 'free' });
  assert.equal(refused.status, 400);
  assert.match((await refused.json()).error, /not a price/);
});

test('an unknown page is 404', async () => {
  assert.equal((await fetch(`${url}/nothing`)).status, 404);
});
