import { expect, test } from 'vitest';
import { badge } from './src/badge';

test('proof', () => {
  expect(badge('a&b', '"<>"')).toContain('<title>a&amp;b: &quot;&lt;&gt;&quot;</title>');
  expect(badge('a&b', 'c')).toContain('>a&amp;b</text>');
});
