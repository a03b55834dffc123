import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parse } from './src/ini.js';

assert.deepEqual({ ...parse('[a]\nx=1 ; one\n# y=2\nz="; #"') }, { 'a.x': '1', 'a.z': '; #' });
writeFileSync('proof.ini', '[a]\nx=1\n');
const found = spawnSync(process.execPath, ['bin/ini-get.js', 'proof.ini', 'a.x'], { encoding: 'utf8' });
assert.deepEqual([found.status, found.stdout], [0, '1\n']);
assert.equal(spawnSync(process.execPath, ['bin/ini-get.js', 'proof.ini', 'x'], { encoding: 'utf8' }).status, 1);
console.log('holds');
