"""Texts as parts of addresses."""

import re


def slugify(text: str) -> str:
    """Returns text in lower case, with one hyphen between words."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
