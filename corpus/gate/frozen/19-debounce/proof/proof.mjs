import assert from 'node:assert/strict';
import { debounce } from './src/debounce.js';

let waiting = new Map();
let next = 1;
globalThis.setTimeout = (f) => (waiting.set(next, f), next++);
globalThis.clearTimeout = (n) => waiting.delete(n);
const calls = [];
const call = debounce((x) => calls.push(x), 10);
call(1);
call(2);
for (const f of [...waiting.values()]) f();
assert.deepEqual(calls, [2]);
waiting.clear();
call(3);
call.cancel();
for (const f of [...waiting.values()]) f();
assert.deepEqual(calls, [2]);
console.log('holds');
