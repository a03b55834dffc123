import { expect, test } from 'vitest';
import { badge } from '../src/badge';

test('passing', async () => {
  await expect(badge('build', 'passing')).toMatchFileSnapshot('badges/passing.svg');
});

test('coverage', async () => {
  await expect(badge('coverage', '97 %')).toMatchFileSnapshot('badges/coverage.svg');
});
