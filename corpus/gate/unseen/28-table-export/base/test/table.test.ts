import assert from 'node:assert/strict';
import { test } from 'node:test';
import { write } from '../src/table.js';

test('plain cells', () => {
  assert.equal(write([['a', 1], [null, 2.5]]), 'a,1\r\n,2.5\r\n');
});

test('dates', () => {
  assert.equal(write([[new Date('2024-02-29T12:00:00Z')]]), '2024-02-29\r\n');
});

test('a comma', () => {
  assert.equal(write([['a,b', 'c']]), '"a,b",c\r\n');
});

test('a quote', () => {
  assert.equal(write([['6" nail']]), '"6"" nail"\r\n');
});

test('a line end', () => {
  assert.equal(write([['one\ntwo', 'x']]), '"one\ntwo",x\r\n');
});

test('no rows', () => {
  assert.equal(write([]), '');
});
