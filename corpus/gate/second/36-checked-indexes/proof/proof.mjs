import assert from "node:assert/strict";
import { read, SheetError } from "./dist/src/sheet.js";
import { grouped, total } from "./dist/src/totals.js";

const wrong = (make, row) => assert.throws(make, (error) => error instanceof SheetError && error.message.includes(String(row)));
wrong(() => total(read("x;y\n1;2\n5"), "y"), 3);
wrong(() => total(read("x\n1\nq"), "x"), 3);
wrong(() => grouped(read("x;y\n1;2"), "z", "y"), 1);
assert.equal(total(read("x\n1\n2,5"), "x").sum, 3.5);
console.log("holds");
