import test from 'node:test';
import assert from 'node:assert/strict';
import { Journal } from '../src/journal.js';
import { memoryStorage } from '../src/memory.js';

test('keeps entries in their order', async () => {
  const journal = new Journal(memoryStorage(), 'log');
  await journal.append('one');
  await journal.append('two');
  assert.deepEqual(await journal.entries(), ['one', 'two']);
});
