import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** Compares a text with the one kept in test/snapshots. */
export function matches(name, text) {
  const kept = readFileSync(new URL(`snapshots/${name}`, import.meta.url), 'utf8');
  assert.equal(text, kept, `differs from test/snapshots/${name}`);
}
