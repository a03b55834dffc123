import assert from "node:assert/strict";
import { test } from "node:test";

import { clientKey, EVERYBODY } from "../src/lib/client-key";
import { contentSecurityPolicy } from "../src/lib/content-security-policy";
import { readEnv } from "../src/lib/env";
import { TokenBuckets } from "../src/lib/rate-limit";
import { fixedHeaders } from "../src/lib/security-headers";

test("a bucket gives what it holds, then one token for each share of a second", () => {
  const buckets = new TokenBuckets({ capacity: 2, refillPerS: 2 });
  assert.deepEqual(buckets.take("a", 0), { allowed: true });
  assert.deepEqual(buckets.take("a", 0), { allowed: true });
  assert.deepEqual(buckets.take("a", 0), { allowed: false, retryAfterS: 1 });
  assert.deepEqual(buckets.take("b", 0), { allowed: true }, "another client has a bucket of its own");
  assert.deepEqual(buckets.take("a", 499).allowed, false);
  assert.deepEqual(buckets.take("a", 500).allowed, true);
  assert.deepEqual(buckets.take("a", 500).allowed, false, "a refused request takes nothing and gives nothing");
  assert.deepEqual(buckets.take("a", 3_600_000).allowed, true);
  assert.deepEqual(buckets.take("a", 3_600_000).allowed, true);
  assert.deepEqual(buckets.take("a", 3_600_000).allowed, false, "it never holds more than its capacity");
});

test("the memory of clients has an end", () => {
  const buckets = new TokenBuckets({ capacity: 1, refillPerS: 1 });
  for (let n = 0; n < 20_000; n += 1) {
    buckets.take(`client ${String(n)}`, n);
  }
  assert.equal(buckets.size, 10_000);
});

test("an address is believed where a trusted proxy wrote it", () => {
  assert.equal(clientKey(null, 1), EVERYBODY);
  assert.equal(clientKey("203.0.113.7", 0), EVERYBODY, "a stranger can write the header");
  assert.equal(clientKey("10.9.9.9, 203.0.113.7", 1), "203.0.113.7");
  assert.equal(clientKey("10.9.9.9, 203.0.113.7, 192.0.2.1", 2), "203.0.113.7");
  assert.equal(clientKey("203.0.113.7", 3), EVERYBODY, "fewer entries than proxies");
});

test("a policy lets scripts in by its nonce alone", () => {
  const policy = contentSecurityPolicy("n0nce", true);
  assert.match(policy, /script-src 'self' 'nonce-n0nce' 'strict-dynamic'(;|$)/);
  assert.match(policy, /object-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
});

test("strict transport security is for production", () => {
  const names = (production: boolean) => fixedHeaders(production).map((header) => header.key);
  assert.ok(names(true).includes("Strict-Transport-Security"));
  assert.ok(!names(false).includes("Strict-Transport-Security"));
  assert.ok(names(false).includes("X-Content-Type-Options"));
});

test("wrong settings are all named at once", () => {
  assert.deepEqual(readEnv({}), { rateLimitPerS: 10, rateLimitBurst: 40, trustedProxies: 0 });
  assert.deepEqual(readEnv({ TRUSTED_PROXIES: " 2 " }).trustedProxies, 2);
  const both = /RATE_LIMIT_PER_S="0": .* 1 to 10000\nTRUSTED_PROXIES="-1": /;
  assert.throws(() => readEnv({ RATE_LIMIT_PER_S: "0", TRUSTED_PROXIES: "-1" }), both);
});
