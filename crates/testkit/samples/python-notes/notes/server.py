"""The HTTP view: GET /notes, with an optional query."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import attrs

from notes.search import search
from notes.store import Store


def answer(store: Store, target: str) -> tuple[int, object]:
    """The status and the JSON body for a target such as ``/notes?q=milk``."""
    url = urlsplit(target)
    if url.path != "/notes":
        return 404, {"error": f"no such page: {url.path}"}
    query = parse_qs(url.query).get("q", [""])[0]
    return 200, [attrs.asdict(note) for note in search(store.all(), query)]


def make_server(store: Store, port: int) -> ThreadingHTTPServer:
    """A server on loopback; port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(store, self.path)
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """The caller sees the answers; a log line per request would only be noise."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)
