"""Takes uploads in."""

from uploads.limit import max_bytes


class TooLarge(Exception):
    """The upload is larger than allowed."""


def accept(data):
    """Returns the size of the upload; raises TooLarge when it is over the limit."""
    if len(data) > max_bytes():
        raise TooLarge(f"{len(data)} bytes are over the limit of {max_bytes()}")
    return len(data)
