"""Splits amounts of money."""


def split(cents, count):
    """Splits an amount into shares."""
    return [cents // count for _ in range(count)]
