import assert from 'node:assert/strict';
import { formatMoney } from './src/money.js';

assert.equal(formatMoney(99, 'USD', 'en-US'), '$0.99');
assert.equal(formatMoney(1000000, 'GBP', 'en-GB'), '£10,000.00');
console.log('holds');
