/** The content security policy of one answer. Scripts need this answer's nonce; nothing is loaded from elsewhere. */
export function contentSecurityPolicy(nonce: string, production: boolean): string {
  const policy: Record<string, string[]> = {
    "default-src": ["'self'"],
    "script-src": ["'self'", `'nonce-${nonce}'`, "'strict-dynamic'"],
    "style-src": ["'self'", `'nonce-${nonce}'`],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
  };
  if (!production) {
    // `next dev` compiles with eval, puts styles into the page, and reloads over a WebSocket.
    policy["script-src"]?.push("'unsafe-eval'");
    policy["style-src"] = ["'self'", "'unsafe-inline'"];
    policy["connect-src"]?.push("ws:");
  }
  return Object.entries(policy)
    .map(([directive, sources]) => [directive, ...sources].join(" "))
    .join("; ");
}
