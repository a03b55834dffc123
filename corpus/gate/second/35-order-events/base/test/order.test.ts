import assert from "node:assert/strict";
import test from "node:test";
import { Event } from "../src/events.js";
import { apply, EMPTY } from "../src/order.js";
import { label, ledger } from "../src/words.js";

const STORY: Event[] = [{ kind: "placed", cents: 1250 }, { kind: "paid", cents: 1250 }, { kind: "sent" }];

test("an order", () => {
  assert.deepEqual(STORY.reduce(apply, EMPTY), { total: 1250, paid: 1250, state: "sent" });
});

test("words", () => {
  assert.deepEqual(STORY.map(label), ["ordered for 12.50", "paid 12.50", "sent"]);
  assert.deepEqual(STORY.map(ledger), [null, "payment,1250", null]);
});
