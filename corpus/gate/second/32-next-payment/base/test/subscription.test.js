import assert from "node:assert/strict";
import test from "node:test";
import { Subscription } from "../src/subscription.js";

test("the first payment is today", () => {
  const subscription = new Subscription("paper", 990);
  assert.equal(subscription.due(0), subscription.since);
});

test("the next payment is a month later", () => {
  const subscription = new Subscription("paper", 990);
  const [year, month] = subscription.since.split("-").map(Number);
  const next = subscription.due(1);
  const wanted = month === 12 ? [year + 1, 1] : [year, month + 1];
  assert.deepEqual(next.split("-").map(Number).slice(0, 2), wanted);
});

test("twelve payments are a year", () => {
  const subscription = new Subscription("paper", 990);
  assert.equal(Number(subscription.paidUntil(12).slice(0, 4)), Number(subscription.since.slice(0, 4)) + 1);
});
