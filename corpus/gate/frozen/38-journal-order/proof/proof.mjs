import assert from 'node:assert/strict';
import { Journal } from './src/journal.js';
import { memoryStorage } from './src/memory.js';

const journal = new Journal(memoryStorage(), 'x');
await Promise.all([1, 2, 3, 4].map((n) => journal.append(n)));
assert.deepEqual(await journal.entries(), ['1', '2', '3', '4']);
console.log('holds');
