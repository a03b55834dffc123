import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const path = join(mkdtempSync(join(tmpdir(), "proof-")), "s.json");
const run = (code) =>
  execFileSync(process.execPath, ["--input-type=module", "-e", `import { openStore } from "./src/store.js"; const store = openStore(${JSON.stringify(path)}); ${code}`], { encoding: "utf8" }).trim();
const token = run('console.log(store.create("eve"))');
JSON.parse(readFileSync(path, "utf8"));
assert.equal(run(`console.log(store.get("${token}")?.user)`), "eve");
run(`store.remove("${token}")`);
assert.equal(run(`console.log(store.get("${token}"))`), "null");
console.log("holds");
