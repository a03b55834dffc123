import assert from "node:assert/strict";
import { texts } from "./dist/src/texts/index.js";

// Words that are no German ones.
for (const text of Object.values(texts("de"))) assert.doesNotMatch(text, /\b(the|your|you|were|cannot|want|is|than|for|again)\b/i, text);
assert.equal(texts("fr"), texts("en"));
console.log("holds");
