import assert from "node:assert/strict";
import { parseRange } from "./dist/src/range.js";

assert.deepEqual(parseRange("bytes=-3", 10), [{ first: 7, last: 9 }]);
assert.deepEqual(parseRange("bytes=2-3,7-", 10), [{ first: 2, last: 3 }, { first: 7, last: 9 }]);
assert.deepEqual(parseRange("bytes=10-", 10), []);
assert.equal(parseRange("bytes=3-2", 10), null);
console.log("holds");
