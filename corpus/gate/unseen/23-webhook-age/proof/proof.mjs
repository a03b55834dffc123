import assert from 'node:assert/strict';
import { sign, verify } from './src/verify.js';

const at = (timestamp) => ({ timestamp, body: 'b', signature: sign('k', timestamp, 'b') });
const now = Math.floor(Date.now() / 1000);
assert.equal(verify('k', at(now)), true);
assert.equal(verify('k', at(now - 3600)), false);
assert.equal(verify('k', at(now + 3600)), false);
console.log('holds');
