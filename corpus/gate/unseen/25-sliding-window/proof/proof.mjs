import assert from 'node:assert/strict';
import { createLimiter } from './src/limiter.js';

let time = 0;
const { allow } = createLimiter({ limit: 3, windowMs: 60, now: () => time });
const allowed = [];
for (time = 0; time < 1000; time += 7) {
  if (allow()) allowed.push(time);
}
for (let i = 3; i < allowed.length; i += 1) {
  assert.ok(allowed[i] - allowed[i - 3] >= 60);
}
assert.ok(allowed.length > 40);
console.log('holds');
