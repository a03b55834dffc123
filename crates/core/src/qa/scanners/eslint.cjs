'use strict';
const { createRequire } = require('node:module');
const own = createRequire(require('node:fs').realpathSync(process.argv[1]));
const security = own('eslint-plugin-security');
const rules = { 'no-eval': 2, 'no-implied-eval': 2, 'no-new-func': 2, 'no-script-url': 2 };
for (const name of Object.keys(security.rules)) rules[`security/${name}`] = 2;
delete rules['security/detect-eval-with-expression'];
const globals = Object.fromEntries(['setTimeout', 'setInterval', 'Function', 'eval', 'window', 'global', 'globalThis'].map((name) => [name, false]));
module.exports = [
  { ignores: ['!**/node_modules/', '!.git/'] },
  {
    files: ['**/*.*'],
    languageOptions: { parser: own('@typescript-eslint/parser'), globals },
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'off' },
    plugins: { security },
    rules,
  },
];
