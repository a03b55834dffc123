"""Reads lists of tags."""


def parse(text):
    """Splits a comma-separated list of tags."""
    return [tag.strip() for tag in text.split(",")]
