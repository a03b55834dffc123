import assert from 'node:assert/strict';
import { records } from './build/src/importer.js';

assert.deepEqual(records('a,b\n"1,2","x ""y"""\n'), [{ a: '1,2', b: 'x "y"' }]);
console.log('holds');
