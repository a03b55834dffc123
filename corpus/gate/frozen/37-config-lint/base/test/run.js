import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lint } from '../src/lint.js';

const folder = mkdtempSync(join(tmpdir(), 'config-lint-'));
const good = join(folder, 'good');
const bad = join(folder, 'bad');
writeFileSync(good, '# colours\nback_ground = blue\n');
writeFileSync(bad, 'background: blue\n');
const main = (...paths) => spawnSync(process.execPath, ['src/main.js', ...paths], { encoding: 'utf8' });

const tests = {
  'names the line': () => assert.deepEqual(lint('a = 1\nb\n'), ['2: not of the form name = value']),
  'nothing found': () => assert.equal(main(good).status, 0),
  'something found': () => assert.equal(main(good, bad).status, 1),
  'cannot be read': () => {
    const done = main(join(folder, 'absent'), bad);
    assert.equal(done.status, 2);
    assert.match(done.stderr, /absent/);
    assert.match(done.stdout, /bad:1/);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    test();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error.message}`);
  }
}
rmSync(folder, { recursive: true });
process.exitCode = failed === 0 ? 0 : 1;
