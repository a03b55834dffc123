import type { NextConfig } from "next";

import { fixedHeaders } from "./src/lib/security-headers";

const config: NextConfig = {
  output: "standalone",
  poweredByHeader: false,
  reactStrictMode: true,
  // This folder, whatever lockfile lies in one above it: else the standalone server is built for the whole of that.
  outputFileTracingRoot: __dirname,
  turbopack: { root: __dirname },
  // Everything that does not change from request to request; the policy with its nonce is set in src/proxy.ts.
  headers: () =>
    Promise.resolve([{ source: "/:path*", headers: fixedHeaders(process.env.NODE_ENV === "production") }]),
};

export default config;
