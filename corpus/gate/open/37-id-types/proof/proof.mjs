import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

function accepted(line) {
  const imports = "import { orderId, userId, type UserId } from './src/ids.js';\nimport { orderPage } from './src/mail.js';\n";
  writeFileSync('mixed.ts', `${imports}${line}\n`);
  const flags = ['--noEmit', '--strict', '--module', 'NodeNext', '--moduleResolution', 'NodeNext', '--target', 'ES2022', '--types', 'node'];
  return spawnSync('node_modules/.bin/tsc', [...flags, 'mixed.ts']).status === 0;
}

const right = accepted("orderPage(userId('u_12345678'), orderId('o_12345678'));");
const mixed = accepted("orderPage(orderId('o_12345678'), userId('u_12345678'));");
const plain = accepted("export const user: UserId = 'u_12345678';");
if (!right || mixed || plain) {
  console.log({ right, mixed, plain });
  process.exit(1);
}
console.log('holds');
