// A reporter of `node --test` that prints nothing and writes each test into a file.
import fs from 'node:fs';
const file = `@PREFIX@node-${process.pid}-lines`;
const write = (line) => fs.appendFileSync(file, JSON.stringify(line) + '\n');
// eslint-disable-next-line require-yield
export default async function* (events) {
  const open = [];
  for await (const { type, data } of events) {
    if (type === 'test:start') {
      open.length = data.nesting;
      open[data.nesting] = data.name;
    } else if ((type === 'test:pass' || type === 'test:fail') && data.details?.type !== 'suite') {
      const left = data.skip !== undefined || data.todo !== undefined;
      const state = left ? 'ignored' : type === 'test:pass' ? 'passed' : 'failed';
      write({ titles: [...open.slice(0, data.nesting), data.name], state });
    }
  }
  write({ titles: [], state: 'end' });
}
