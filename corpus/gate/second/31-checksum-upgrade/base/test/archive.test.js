import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { damaged, list } from "../src/archive.js";
import { sum, version } from "../vendor/tinysum/index.js";

const SUMS = JSON.parse(readFileSync(new URL("sums.json", import.meta.url), "utf8"));

test("known sums", () => {
  for (const [text, known] of Object.entries(SUMS)) assert.equal(list({ x: text }), `${known}  x\n`);
});

test("damage is found", () => {
  const listing = list({ a: "one", b: "two" });
  assert.deepEqual(damaged({ a: "one", b: "twO" }, listing), ["b"]);
  assert.deepEqual(damaged({ b: "two" }, listing), ["a"]);
});

test("the vendored package", () => {
  assert.match(version, /^1\./);
  assert.equal(typeof sum("x"), "number");
});
