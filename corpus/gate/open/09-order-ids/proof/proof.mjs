import assert from 'node:assert/strict';
import { newId } from './src/id.js';

assert.equal(newId((length) => Buffer.alloc(length, 42)), 'A'.repeat(20));
const heads = new Set(Array.from({ length: 100 }, () => newId().slice(0, 6)));
assert.ok(heads.size > 90);
console.log('holds');
