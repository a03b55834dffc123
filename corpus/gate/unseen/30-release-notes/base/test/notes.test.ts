import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { entries, notes } from '../src/notes.js';

let repository: string;

function git(...args: string[]) {
  // The settings of whoever runs this do not count.
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const who = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org'];
  return execFileSync('git', [...who, ...args], { cwd: repository, env, encoding: 'utf8' });
}

function commit(subject: string) {
  git('commit', '-q', '--allow-empty', '-m', subject);
}

before(() => {
  repository = mkdtempSync(join(tmpdir(), 'notes-'));
  git('init', '-q', '-b', 'main');
  commit('start');
  git('tag', 'v1');
  commit('fix the door');
  git('checkout', '-q', '-b', 'side');
  commit('paint it red | white');
  git('checkout', '-q', 'main');
  git('merge', '-q', '--no-ff', '-m', 'merge side', 'side');
  git('tag', 'v2');
});

after(() => rmSync(repository, { recursive: true, force: true }));

test('nothing in between', () => {
  assert.deepEqual(entries(repository, 'v2', 'v2'), []);
});

test('without merges, subjects whole', () => {
  const subjects = entries(repository, 'v1', 'v2').map((entry) => entry.subject);
  assert.deepEqual(subjects.sort(), ['fix the door', 'paint it red | white']);
});

test('as a list', () => {
  assert.match(notes(repository, 'v1', 'v2'), /^- paint it red \| white \([0-9a-f]+\)$/m);
});
