import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { entries } from './build/src/notes.js';

const place = mkdtempSync('repository-');
const git = (...args) => execFileSync('git', ['-c', 'user.name=P', '-c', 'user.email=p@example.org', ...args], { cwd: place });
try {
  git('init', '-q', '-b', 'main');
  git('commit', '-q', '--allow-empty', '-m', 'zero');
  git('tag', 'a');
  git('checkout', '-q', '-b', 'b');
  git('commit', '-q', '--allow-empty', '-m', 'x | y | z');
  git('checkout', '-q', 'main');
  git('merge', '-q', '--no-ff', '-m', 'merged', 'b');
  assert.deepEqual(entries(place, 'a', 'main').map((entry) => entry.subject), ['x | y | z']);
} finally {
  rmSync(place, { recursive: true, force: true });
}
console.log('holds');
