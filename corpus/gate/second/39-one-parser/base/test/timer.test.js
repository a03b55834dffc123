import assert from "node:assert/strict";
import test from "node:test";
import { exceeded } from "../src/limits.js";
import { report } from "../src/report.js";
import { parseSpan, timer } from "../src/timer.js";

test("spans", () => {
  assert.equal(parseSpan("1h30m"), 5400);
  assert.equal(parseSpan("90s"), 90);
  for (const text of ["", "30", "1m1h", "1d", "-1s"]) assert.throws(() => parseSpan(text), RangeError);
});

test("a timer", () => {
  assert.deepEqual(timer("green tea 4m30s"), { name: "green tea", seconds: 270 });
  assert.deepEqual(timer("5s"), { name: "", seconds: 5 });
});

test("a report", () => {
  assert.equal(report(["1h", "45m"]), "1.75 h");
  assert.throws(() => report(["1h", "later"]), RangeError);
});

test("limits", () => {
  assert.deepEqual(exceeded({ soft: "10m", hard: "1h" }, 601), ["soft"]);
});
