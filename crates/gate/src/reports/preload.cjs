// Asks the runners that are found by their main file for a report beside what they print.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const PREFIX = '@PREFIX@';
let main = process.argv[1] || '';
try {
  main = fs.realpathSync(main);
} catch {}
const is = (...ends) => ends.some((end) => main.endsWith(path.join('/node_modules', end)));
const said = (...flags) => process.argv.some((word) => flags.some((flag) => word === flag || word.startsWith(flag + '=')));
const into = (form) => `${PREFIX}${form}-${process.pid}`;
// Reporters of the project's own, which one on the command line would take away: something may read what they write.
const configured = (...files) => {
  const own = (name) => name === 'package.json' || files.some((file) => name.startsWith(file));
  try {
    return fs.readdirSync('.').some((name) => own(name) && fs.readFileSync(name, 'utf8').includes('reporter'));
  } catch {
    return false;
  }
};
const { isMainThread } = require('node:worker_threads');
if (isMainThread && !said('--')) {
  if (is('vitest/vitest.mjs')) {
    const other = ['list', 'init', 'bench'].includes(process.argv[2]);
    const kept = !said('--reporter') && configured('vitest.config.', 'vite.config.', 'vitest.workspace.');
    if (!other && !kept && !process.argv.some((word) => word.startsWith('--outputFile'))) {
      if (!said('--reporter')) process.argv.push('--reporter=default');
      process.argv.push('--reporter=json', `--outputFile.json=${into('vitest')}`);
    }
  } else if (is('jest/bin/jest.js', 'jest-cli/bin/jest.js')) {
    const other = said('--json', '--outputFile', '--listTests', '--showConfig', '--init', '--clearCache', '--help', '--version', '-h', '-v');
    if (!other) process.argv.push('--json', `--outputFile=${into('jest')}`);
  } else if (is('mocha/bin/mocha.js', 'mocha/bin/mocha', 'mocha/bin/_mocha')) {
    if (!said('--reporter', '-R', '--help', '--version', '-h', '-V') && !configured('.mocharc')) process.argv.push('--reporter', '@GATE@/mocha.cjs');
  }
}
