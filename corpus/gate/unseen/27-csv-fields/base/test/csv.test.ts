import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '#csv';

test('plain fields', () => {
  assert.deepEqual(parse('a,b\nc,d\n'), [['a', 'b'], ['c', 'd']]);
});

test('empty fields', () => {
  assert.deepEqual(parse(',x,\n'), [['', 'x', '']]);
});

test('a comma in quotes', () => {
  assert.deepEqual(parse('"a,b",c\n'), [['a,b', 'c']]);
});

test('a quote in quotes', () => {
  assert.deepEqual(parse('"say ""hi""",x'), [['say "hi"', 'x']]);
});

test('a line end in quotes', () => {
  assert.deepEqual(parse('"two\nlines",x\ny,z\n'), [['two\nlines', 'x'], ['y', 'z']]);
});
