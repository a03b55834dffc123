import test from 'node:test';
import assert from 'node:assert/strict';
import { parse } from '../src/index.js';

test('plain pairs', () => {
  assert.deepEqual({ ...parse('?a=1&b=2') }, { a: '1', b: '2' });
  assert.deepEqual({ ...parse('') }, {});
  assert.deepEqual({ ...parse('flag') }, { flag: '' });
});

test('decodes', () => {
  assert.deepEqual({ ...parse('q=caf%C3%A9+au+lait&a%20b=1') }, { q: 'café au lait', 'a b': '1' });
});

test('keeps = in values', () => {
  assert.deepEqual({ ...parse('e=a=b') }, { e: 'a=b' });
});

test('repeated keys', () => {
  assert.deepEqual({ ...parse('a=1&a=2&a=3&b=4') }, { a: ['1', '2', '3'], b: '4' });
});

test('nested keys', () => {
  assert.deepEqual({ ...parse('a[b]=1') }, { a: { b: '1' } });
});
