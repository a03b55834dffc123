import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { damaged, list } from "./src/archive.js";

assert.deepEqual(damaged({ a: "wxyzabcd" }, list({ a: "abcdwxyz" })), ["a"]);
let state = 0x811c9dc5;
for (const byte of new TextEncoder().encode("proof")) {
  state = Math.imul(state ^ byte, 0x01000193);
  state = (state << 13) | (state >>> 19);
}
assert.equal(list({ p: "proof" }), `${((state ^ 5) >>> 0).toString(16).padStart(8, "0")}  p\n`);
assert.match(readFileSync("vendor/tinysum/package.json", "utf8"), /"2\.0\.1"/);
console.log("holds");
