import assert from 'node:assert/strict';
import { load } from './src/load.js';
import { Queue } from './src/queue.js';

const told = [];
const queue = new Queue((job) => Promise.reject(new Error(`no ${job}`)), { onError: (error, job) => told.push([error.message, job]) });
assert.equal(await queue.run(['a', 'b']), 0);
assert.deepEqual(told, [['no a', 'a'], ['no b', 'b']]);
assert.throws(() => load('\n\n\noops'), /4/);
console.log('holds');
