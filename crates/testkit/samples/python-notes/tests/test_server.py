"""The HTTP view on its own loopback port."""

import json
import threading
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import pytest

from notes.server import make_server
from notes.store import Store


@pytest.fixture
def url(tmp_path):
    store = Store(tmp_path / "notes.json")
    store.add("buy milk")
    store.add("read a book")
    server = make_server(store, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def get(url):
    """Reads JSON past any proxy of the machine: the server is on loopback."""
    with build_opener(ProxyHandler({})).open(url, timeout=10) as response:
        return json.load(response)


def test_notes_are_searched_over_http(url):
    assert [n["id"] for n in get(f"{url}/notes")] == [1, 2]
    assert get(f"{url}/notes?q=book") == [{"id": 2, "text": "read a book"}]


def test_an_unknown_page_is_404(url):
    with pytest.raises(HTTPError) as refused:
        get(f"{url}/nothing")
    assert refused.value.code == 404
