import assert from "node:assert/strict";
import { Readable } from "node:stream";
import test from "node:test";
import { count } from "../src/count.js";
import { LineSplitter } from "../src/splitter.js";

test("lines across chunks", (t, done) => {
  const lines = [];
  const splitter = new LineSplitter();
  splitter.on("data", (line) => lines.push(line));
  splitter.on("end", () => {
    assert.deepEqual(lines, ["one", "two"]);
    done();
  });
  splitter.write(Buffer.from("on"));
  splitter.end(Buffer.from("e\ntwo\n"));
});

test("count", async () => {
  assert.equal(await count(Readable.from([Buffer.from("a b\nb c\nc d\n")]), "b"), 2);
});
