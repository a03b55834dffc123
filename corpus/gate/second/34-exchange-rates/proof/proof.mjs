import assert from "node:assert/strict";
import { Rates, RatesError } from "./dist/src/rates.js";

for (const answer of ["html", null]) await assert.rejects(new Rates(async () => answer).convert(1, "EUR", "USD"), RatesError);
await assert.rejects(new Rates(async () => { throw new Error("x"); }).convert(5, "USD", "GBP"), RatesError);
assert.equal((await new Rates(async () => ({ EUR: 1, USD: 4 })).convert(1, "EUR", "USD")).amount, 4);
console.log("holds");
