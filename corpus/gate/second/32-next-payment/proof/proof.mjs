import assert from "node:assert/strict";

process.env.FAKE_NOW = "2023-08-31";
const { Subscription } = await import("./src/subscription.js");
const subscription = new Subscription("x", 1);
assert.deepEqual([0, 1, 2, 6, 7].map((n) => subscription.due(n)), ["2023-08-31", "2023-09-30", "2023-10-31", "2024-02-29", "2024-03-31"]);
console.log("holds");
