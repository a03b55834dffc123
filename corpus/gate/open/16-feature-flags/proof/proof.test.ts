import { expect, test } from 'vitest';
import { Flags } from './src/flags';

test('proof', async () => {
  expect(await new Flags(async () => ({ x: true })).isOn('x')).toBe(true);
  await expect(new Flags(() => Promise.reject(new Error('down'))).isOn('x')).rejects.toThrow('down');
});
