import assert from 'node:assert/strict';
import { renderPage } from './src/page.js';

const page = renderPage('<b>', [{ author: '"><svg onload=x>', text: '<SCRIPT SRC=//x></SCRIPT><iframe srcdoc=x>' }]);
assert.ok(!/<(svg|script|iframe|b)\b/i.test(page));
console.log('holds');
