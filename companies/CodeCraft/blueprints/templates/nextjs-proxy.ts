import { NextResponse, type NextRequest } from "next/server";

import { clientKey } from "./lib/client-key";
import { contentSecurityPolicy } from "./lib/content-security-policy";
import { readEnv } from "./lib/env";
import { fixedHeaders } from "./lib/security-headers";
import { tooManyRequests } from "./lib/problem";
import { TokenBuckets } from "./lib/rate-limit";

const env = readEnv(process.env);
const buckets = new TokenBuckets({
  capacity: env.rateLimitBurst,
  refillPerS: env.rateLimitPerS,
});

/** Stands before every page and route: counts the request, and gives its answer a content security policy of its own. */
export function proxy(request: NextRequest): Response {
  const production = process.env.NODE_ENV === "production";
  if (request.nextUrl.pathname !== "/api/health") {
    const key = clientKey(request.headers.get("x-forwarded-for"), env.trustedProxies);
    const decision = buckets.take(key, performance.now());
    if (!decision.allowed) {
      const refused = tooManyRequests(decision.retryAfterS);
      for (const { key, value } of fixedHeaders(production)) {
        refused.headers.set(key, value);
      }
      return refused;
    }
  }
  const nonce = crypto.randomUUID().replaceAll("-", "");
  const policy = contentSecurityPolicy(nonce, production);
  // Next.js reads the nonce out of the request's header and puts it on every script that it makes.
  const headers = new Headers(request.headers);
  headers.set("content-security-policy", policy);
  headers.set("x-nonce", nonce);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("content-security-policy", policy);
  return response;
}

export const config = {
  // The build's own files have hashes in their names and need neither.
  matcher: ["/((?!_next/static|_next/image|favicon.ico).*)"],
};
