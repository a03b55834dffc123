import assert from "node:assert/strict";
import test from "node:test";
import { parseRange } from "../src/range.js";

test("one range", () => {
  assert.deepEqual(parseRange("bytes=0-99", 1000), [{ first: 0, last: 99 }]);
});

test("open at its end", () => {
  assert.deepEqual(parseRange("bytes=900-", 1000), [{ first: 900, last: 999 }]);
});

test("cut at the size", () => {
  assert.deepEqual(parseRange("bytes=900-5000", 1000), [{ first: 900, last: 999 }]);
});

test("the last bytes", () => {
  assert.deepEqual(parseRange("bytes=-100", 1000), [{ first: 900, last: 999 }]);
  assert.deepEqual(parseRange("bytes=-5000", 1000), [{ first: 0, last: 999 }]);
});

test("several", () => {
  assert.deepEqual(parseRange("bytes=0-0, 5-9 ,-1", 1000), [{ first: 0, last: 0 }, { first: 5, last: 9 }, { first: 999, last: 999 }]);
});

test("none that can be satisfied", () => {
  assert.deepEqual(parseRange("bytes=1000-", 1000), []);
  assert.deepEqual(parseRange("bytes=-0", 1000), []);
  assert.deepEqual(parseRange("bytes=2000-3000,0-1", 1000), [{ first: 0, last: 1 }]);
});

test("nonsense and other units", () => {
  for (const header of ["lines=0-9", "bytes=9-0", "bytes=", "bytes=a-b", "bytes=-", "bytes 0-9", "bytes=0-9,x", "bytes=1-2-3", "bytes=+1-2"]) {
    assert.equal(parseRange(header, 1000), null, header);
  }
});
