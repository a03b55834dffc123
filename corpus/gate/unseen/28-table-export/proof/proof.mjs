import assert from 'node:assert/strict';
import { write } from './build/src/table.js';

assert.equal(write([['p,q', 'r"s', 't']]), '"p,q","r""s",t\r\n');
console.log('holds');
