import test from 'node:test';
import assert from 'node:assert/strict';
import { due } from '#lib/invoice.js';
import { gross } from '#lib/tax.js';

test('Austria', () => {
  assert.equal(gross(1000, 'AT'), 1200);
});

test('Germany', () => {
  assert.equal(gross(1000, 'DE'), 1190);
  assert.equal(gross(50, 'DE'), 60);
});

test('Switzerland', () => {
  assert.equal(gross(1000, 'CH'), 1081);
  assert.equal(gross(500, 'CH'), 541);
});

test('an invoice', () => {
  assert.equal(due([{ cents: 400, count: 2 }, { cents: 200, count: 1 }], 'DE'), 1190);
});

test('a country without a rate', () => {
  assert.throws(() => gross(1000, 'XX'), /XX/);
});
