"""What stands before and behind every request: the limit of requests, the size of bodies, the headers of answers."""

import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config import Config
from app.problem import too_many
from app.rate_limit import Buckets, client

# Bytes of a request's body.
BODY_BYTES_MAX = 64 * 1024

# An API gives no page: nothing of it may be shown in one, loaded by one, or guessed to be another type.
FIXED = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # It counts over HTTPS alone, which ends at the proxy.
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}


class Guard:
    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._buckets = Buckets(config.rate_limit_burst, config.rate_limit_per_s)
        self._trusted_proxies = config.trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in FIXED.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        wait_s = None if scope["path"] == "/healthz" else self._count(scope)
        if wait_s is not None:
            await too_many(wait_s)(scope, receive, answered)
            return
        await self._app(scope, bounded(receive), answered)

    def _count(self, scope: Scope) -> int | None:
        peer = scope["client"][0] if scope.get("client") else None
        forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
        return self._buckets.take(client(peer, forwarded, self._trusted_proxies), time.monotonic())


def bounded(receive: Receive) -> Receive:
    """The same body, which may not become longer than allowed, whatever its header says."""
    left = BODY_BYTES_MAX

    async def received() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, f"A body has at most {BODY_BYTES_MAX} bytes.")
        return message

    return received
