import io
from email.message import Message
from unittest import mock
from urllib.error import HTTPError

import export_client


def busy():
    headers = Message()
    headers["Retry-After"] = "0"
    return HTTPError("http://x.test/", 503, "busy", headers, None)


with mock.patch("export_client.urlopen", side_effect=[busy(), busy(), io.BytesIO(b'{"a": 1}')]):
    assert export_client.fetch("http://x.test/") == {"a": 1}
print("holds")
