import assert from 'node:assert/strict';
import { parse } from './src/index.js';

assert.deepEqual({ ...parse('x=%21&x=+&y=1=2') }, { x: ['!', ' '], y: '1=2' });
console.log('holds');
