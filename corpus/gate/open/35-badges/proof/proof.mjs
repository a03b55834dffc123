import { spawnSync } from 'node:child_process';

const done = spawnSync('node_modules/.bin/vitest', ['run', '--config', 'proof.config.ts'], { encoding: 'utf8' });
console.log(done.stdout, done.stderr);
if (done.status !== 0 || !/Tests\s+1 passed/.test(done.stdout)) process.exit(1);
console.log('holds');
