import assert from "node:assert/strict";
import { apply, EMPTY } from "./dist/src/order.js";
import { label, ledger } from "./dist/src/words.js";

const order = [{ kind: "placed", cents: 500 }, { kind: "paid", cents: 500 }].reduce(apply, EMPTY);
assert.equal(apply(order, { kind: "refunded", cents: 200 }).paid, 300);
assert.equal(apply(order, { kind: "refunded", cents: 600 }).state, "closed");
assert.equal(apply(order, { kind: "split", cents: 100, to: "Q" }).total, 400);
assert.equal(label({ kind: "split", cents: 5, to: "Q" }), "split off 0.05 to Q");
assert.equal(ledger({ kind: "refunded", cents: 7 }), "refund,-7");
console.log("holds");
