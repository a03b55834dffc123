import assert from 'node:assert/strict';
import { size } from './src/size.js';

assert.deepEqual([1, 1000, 2048, 1024 ** 3 * 7, 1024 ** 4 - 1].map(size), ['1 B', '1000 B', '2.0 KiB', '7.0 GiB', '1.0 TiB']);
console.log('holds');
