import test from 'node:test';
import assert from 'node:assert/strict';
import { debounce } from '../src/debounce.js';

test('does not call at once', () => {
  let calls = 0;
  const call = debounce(() => calls++, 1);
  call();
  assert.equal(calls, 0);
});
