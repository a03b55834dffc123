"""Fetches exports."""

import json
from urllib.error import HTTPError
from urllib.request import urlopen

READ_TIMEOUT_S = 2


class Unavailable(Exception):
    """The server has no answer for us."""


def fetch(url):
    """Returns the export as decoded JSON."""
    try:
        with urlopen(url, timeout=READ_TIMEOUT_S) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise Unavailable(f"{url}: {error.code}") from error
