import assert from 'node:assert/strict';
import { badge } from './src/badge.js';

const text = badge('x" onload="run()');
assert.ok(text.includes('aria-label="x&quot; onload=&quot;run()"'));
assert.ok(badge('<script>').includes('>&lt;script&gt;</text>'));
assert.ok(badge('ok').includes('role="img"'));
console.log('holds');
