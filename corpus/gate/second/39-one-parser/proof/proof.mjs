import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { exceeded } from "./src/limits.js";
import { report } from "./src/report.js";
import { parseSpan } from "./src/span.js";
import { timer } from "./src/timer.js";

// One place alone knows what a span looks like and how a wrong one is refused.
const sources = readdirSync("src").map((file) => readFileSync(`src/${file}`, "utf8")).join("\n");
assert.equal(sources.match(/is no span of time/g).length, 1);
assert.equal(sources.match(/RangeError\(/g).length, 1);
assert.equal(parseSpan("2m"), 120);
assert.equal(timer("x 1h").seconds, 3600);
assert.equal(report(["36m"]), "0.60 h");
assert.deepEqual(exceeded({ a: "1s" }, 2), ["a"]);
console.log("holds");
