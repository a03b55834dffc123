import test from 'node:test';
import assert from 'node:assert/strict';
import { parse } from '../src/ini.js';

test('keys and values', () => {
  assert.deepEqual({ ...parse('a = 1\nb=two words\n\nc=') }, { a: '1', b: 'two words', c: '' });
});

test('sections', () => {
  assert.deepEqual({ ...parse('a=1\n[server]\nport = 80\n[ db ]\nport=5432') }, { a: '1', 'server.port': '80', 'db.port': '5432' });
});

test('comments', () => {
  assert.deepEqual({ ...parse('; x=1\n  # y=2\na=1 ; one\nb=2 # two') }, { a: '1', b: '2' });
});

test('quoted values', () => {
  assert.deepEqual({ ...parse('a = " x; y # z " ; comment\nb=""') }, { a: ' x; y # z ', b: '' });
});
