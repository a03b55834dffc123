import assert from 'node:assert/strict';
import * as module from './src/client.js';

const pages = { '/v2/x': { items: [1], next: '/v2/x?b' }, '/v2/x?b': { items: [2] } };
assert.equal(module.FirstClient, undefined);
assert.deepEqual(await new module.Client(async (path) => pages[path]).all('x'), [1, 2]);
await assert.rejects(new module.Client(async () => ({ items: [1], next: '/v2/x' })).all('x'));
console.log('holds');
