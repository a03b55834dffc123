/** An error as RFC 9457 describes it (`application/problem+json`): the one shape of all errors of this API. */
export function problem(status: number, title: string, detail: string, headers: Record<string, string> = {}): Response {
  return Response.json(
    { type: "about:blank", status, title, detail },
    { status, headers: { ...headers, "content-type": "application/problem+json", "cache-control": "no-store" } },
  );
}

export function tooManyRequests(retryAfterS: number): Response {
  const detail = `Too many requests; try again in ${String(retryAfterS)} s.`;
  return problem(429, "Too Many Requests", detail, { "retry-after": String(retryAfterS) });
}
