import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import export_client


class Server(BaseHTTPRequestHandler):
    asked = {}

    def do_GET(self):
        times = self.asked[self.path] = self.asked.get(self.path, 0) + 1
        busy = {"/plain": 0, "/busy-once": 1, "/busy-twice": 2}.get(self.path, 99)
        if times <= busy:
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"rows": 3}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Server.asked = {}
    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/plain", "/busy-once", "/busy-twice"])
def test_answers(server, path):
    assert export_client.fetch(server + path) == {"rows": 3}


def test_gives_up(server):
    with pytest.raises(export_client.Unavailable):
        export_client.fetch(server + "/always-busy")


def test_waits_long_enough():
    assert export_client.READ_TIMEOUT_S == 30
