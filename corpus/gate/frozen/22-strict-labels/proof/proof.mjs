import assert from 'node:assert/strict';
import { label } from './dist/src/label.js';

assert.equal(label({ name: 'Bo' }), 'Bo\nno address');
assert.equal(label({ name: 'Bo', address: { street: 's', town: 't' } }), 'Bo\ns\nt');
console.log('holds');
