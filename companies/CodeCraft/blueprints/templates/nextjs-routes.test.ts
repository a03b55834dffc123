import assert from "node:assert/strict";
import { test } from "node:test";

import { NextRequest } from "next/server";

import { GET } from "../src/app/api/health/route";
import { app } from "../src/lib/app";
import { proxy } from "../src/proxy";

const at = (path: string) => proxy(new NextRequest(`http://localhost${path}`));

test("the health check says that the process answers", async () => {
  const response = GET();
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("cache-control"), "no-store");
  const body = (await response.json()) as { status: string; name: string };
  assert.equal(body.status, "ok");
  assert.equal(body.name, app.name);
});

test("each answer has a nonce of its own", () => {
  const nonces = ["/", "/"].map((path) => {
    const policy = at(path).headers.get("content-security-policy") ?? "";
    return /'nonce-([0-9a-f]{32})'/.exec(policy)?.[1];
  });
  assert.ok(nonces[0] !== undefined && nonces[1] !== undefined);
  assert.notEqual(nonces[0], nonces[1]);
});

test("who asks too often is told when to come back, and the health check goes on", async () => {
  let refused = at("/");
  for (let n = 0; n < 200 && refused.status !== 429; n += 1) {
    refused = at("/");
  }
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("content-type"), "application/problem+json");
  assert.ok(Number(refused.headers.get("retry-after")) >= 1);
  assert.equal(refused.headers.get("x-content-type-options"), "nosniff");
  const body = (await refused.json()) as { status: number; title: string };
  assert.deepEqual([body.status, body.title], [429, "Too Many Requests"]);
  assert.equal(at("/api/health").status, 200);
});
