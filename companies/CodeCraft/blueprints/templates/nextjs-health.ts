import { app } from "../../../lib/app";

/** For load balancers and HEALTHCHECK: this process answers. It asks nothing else, so that it stays cheap. */
export function GET(): Response {
  return Response.json(
    { status: "ok", name: app.name, uptime_s: Math.floor(process.uptime()) },
    { headers: { "cache-control": "no-store" } },
  );
}

// Without this the answer of the build would be served for ever.
export const dynamic = "force-dynamic";
