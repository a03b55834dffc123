import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const status = (...paths) => spawnSync(process.execPath, ['src/main.js', ...paths]).status;
assert.equal(status('package.json'), 1);
assert.equal(status('no/such/file'), 2);
console.log('holds');
