import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { count } from "./src/count.js";
import { LineSplitter } from "./src/splitter.js";

const bytes = Buffer.from("ä b\n€");
const lines = [];
for await (const line of Readable.from([...bytes].map((byte) => Buffer.of(byte))).pipe(new LineSplitter())) lines.push(line);
assert.deepEqual(lines, ["ä b", "€"]);
assert.equal(await count(Readable.from([Buffer.from("x\ny x")]), "x"), 2);
console.log("holds");
