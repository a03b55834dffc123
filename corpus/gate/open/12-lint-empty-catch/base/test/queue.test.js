import test from 'node:test';
import assert from 'node:assert/strict';
import { Queue } from '../src/queue.js';

test('hands every job to the handler', async () => {
  const seen = [];
  const queue = new Queue(async (job) => seen.push(job));
  assert.equal(await queue.run([1, 2, 3]), 3);
  assert.deepEqual(seen, [1, 2, 3]);
});

test('closes even if the release fails', async () => {
  const queue = new Queue(() => {}, {
    async release() {
      throw new Error('gone');
    },
  });
  assert.equal(await queue.close(), undefined);
});
