// mocha's own reporter `spec`, which writes each test into a file too.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const folder = path.dirname(fs.realpathSync(process.argv[1]));
const own = [path.join(folder, '../lib/reporters/spec.js'), path.join(folder, '../reporters/spec.js')].find((file) => fs.existsSync(file));
const Spec = require(own);
const file = `@PREFIX@mocha-${process.pid}-lines`;
const write = (line) => fs.appendFileSync(file, JSON.stringify(line) + '\n');
module.exports = class extends Spec {
  constructor(runner, options) {
    super(runner, options);
    const on = (event, state) => runner.on(event, (test) => write({ titles: test.titlePath(), state }));
    on('pass', 'passed');
    on('fail', 'failed');
    on('pending', 'ignored');
    runner.on('end', () => write({ titles: [], state: 'end' }));
  }
};
