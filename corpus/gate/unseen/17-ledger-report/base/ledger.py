"""Sharing out amounts."""


def split(cents, parts):
    """Shares an amount out into parts."""
    if parts < 1:
        raise ValueError("at least one part")
    return [cents // parts] * parts
