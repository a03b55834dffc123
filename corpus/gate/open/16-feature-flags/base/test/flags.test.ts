import { expect, test } from 'vitest';
import { Flags } from '../src/flags';

const flags = new Flags(async () => ({ search: true, beta: false }));

test('a flag that is on', async () => {
  expect(await flags.isOn('search')).toBe(true);
});

test('a flag that is off', async () => {
  expect(await flags.isOn('beta')).toBe(false);
});

test('a flag that nobody knows', async () => {
  expect(await flags.isOn('nothing')).toBe(false);
});
