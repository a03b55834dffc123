import assert from "node:assert/strict";
import test from "node:test";
import { label } from "../src/price.js";
import { Rates, RatesError } from "../src/rates.js";

test("converts by way of the euro", async () => {
  const { amount } = await new Rates().convert(118, "USD", "GBP");
  assert.equal(amount.toFixed(2), "86.00");
});

test("unknown currencies", async () => {
  await assert.rejects(new Rates().convert(1, "EUR", "XXX"), RatesError);
});

test("label", async () => {
  assert.equal(await label(new Rates(), 10, "USD"), "11.80 USD");
});
