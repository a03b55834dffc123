// The HTTP view: carts by name, in memory.

import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { Cart } from './cart.js';

/** An item is a hundred bytes; more is not an item. */
const BODY_BYTES_MAX = 4096;

export function makeServer() {
  const carts = new Map();
  return createServer(async (request, response) => {
    const [status, body] = await answer(carts, request);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
}

async function answer(carts, request) {
  const [, room, name, part] = request.url.split('/');
  if (room !== 'carts' || !name) {
    return [404, { error: `no such page: ${request.url}` }];
  }
  const cart = carts.get(name) ?? new Cart();
  if (request.method === 'GET' && part === undefined) {
    return [200, { lines: cart.lines(), total: cart.total() }];
  }
  if (request.method === 'POST' && part === 'items') {
    try {
      cart.add(JSON.parse(await read(request)));
    } catch (error) {
      return [400, { error: error.message }];
    }
    carts.set(name, cart);
    return [201, { lines: cart.lines(), total: cart.total() }];
  }
  return [405, { error: `${request.method} is not served here` }];
}

async function read(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) {
      throw new RangeError('the body is too large');
    }
  }
  return text;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const server = makeServer();
  server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
    console.log(`listening on ${server.address().port}`);
  });
}
