import assert from "node:assert/strict";
import test from "node:test";
import { answer } from "../src/answer.js";

test("without a range", () => {
  assert.deepEqual(answer(undefined, 5), { status: 200, headers: { "Content-Length": "5" } });
});
