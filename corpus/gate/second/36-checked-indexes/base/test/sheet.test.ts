import assert from "node:assert/strict";
import test from "node:test";
import { read } from "../src/sheet.js";
import { grouped, total } from "../src/totals.js";

const SHEET = read("town;kind;sum\nBonn;a;1,5\nKiel;a;2\n\nBonn;b;3\n");

test("a total", () => {
  assert.deepEqual(total(SHEET, "sum"), { name: "sum", sum: 6.5, largest: 3 });
});

test("sums by town", () => {
  assert.deepEqual([...grouped(SHEET, "town", "sum")], [["Bonn", 4.5], ["Kiel", 2]]);
});
