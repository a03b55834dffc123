import assert from 'node:assert/strict';
import { test } from 'node:test';
import { records } from '#importer';

test('records', () => {
  assert.deepEqual(records('name,age\nann,7\nbob\n'), [{ name: 'ann', age: '7' }, { name: 'bob', age: '' }]);
});
