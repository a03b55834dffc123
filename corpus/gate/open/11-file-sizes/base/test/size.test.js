import test from 'node:test';
import assert from 'node:assert/strict';
import { size } from '../src/size.js';

test('bytes', () => {
  assert.equal(size(0), '0 B');
  assert.equal(size(999), '999 B');
});

test('units', () => {
  assert.equal(size(1023), '1023 B');
  assert.equal(size(1024), '1.0 KiB');
  assert.equal(size(1536), '1.5 KiB');
  assert.equal(size(5 * 1024 ** 2), '5.0 MiB');
  assert.equal(size(2.25 * 1024 ** 4), '2.3 TiB');
  assert.equal(size(3000 * 1024 ** 4), '3000.0 TiB');
});

test('what rounds up to a unit belongs to it', () => {
  assert.equal(size(1024 ** 2 - 1), '1.0 MiB');
  assert.equal(size(1024 ** 3 - 1), '1.0 GiB');
});
