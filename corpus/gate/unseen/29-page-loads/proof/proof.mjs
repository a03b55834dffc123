import assert from 'node:assert/strict';
import { loadAll } from './build/src/load.js';

let open = 0;
let most = 0;
const texts = await loadAll([5, 6, 7, 8, 9, 10], async (page) => {
  most = Math.max(most, (open += 1));
  await new Promise((resolve) => setTimeout(resolve, 20));
  open -= 1;
  return String(page);
});
assert.deepEqual(texts, ['5', '6', '7', '8', '9', '10']);
assert.equal(most, 4);
console.log('holds');
