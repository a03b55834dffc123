import test from 'node:test';
import assert from 'node:assert/strict';
import { load } from '../src/load.js';

test('one job per line', () => {
  assert.deepEqual(load('{"id":1}\n\n{"id":2}\n'), [{ id: 1 }, { id: 2 }]);
});
