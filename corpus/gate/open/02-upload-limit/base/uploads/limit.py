"""How much one upload may bring."""

import os

MB = 1024 * 1024
DEFAULT_MB = 10


class SettingError(ValueError):
    """A setting has a value that cannot be used."""


def debug():
    """Returns whether APP_DEBUG asks for more log lines."""
    return os.environ.get("APP_DEBUG") == "1"


def max_bytes():
    """Returns the largest upload in bytes."""
    return DEFAULT_MB * MB
