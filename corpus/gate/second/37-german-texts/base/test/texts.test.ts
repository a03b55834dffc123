import assert from "node:assert/strict";
import test from "node:test";
import { fill } from "../src/fill.js";
import { texts } from "../src/texts/index.js";

test("places are filled", () => {
  assert.equal(fill(texts("en").found, { count: 3, query: "tea" }), "3 results for tea");
});

test("unknown languages get English", () => {
  assert.equal(texts("tlh"), texts("en"));
});
