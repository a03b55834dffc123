"""What a note is."""

import attrs

TEXT_LENGTH_MAX = 2000
"""A longer text is a document, not a note."""


def _text(_note: "Note", _attribute: object, value: str) -> None:
    if not value.strip():
        raise ValueError("a note needs a text")
    if len(value) > TEXT_LENGTH_MAX:
        raise ValueError(f"a note has at most {TEXT_LENGTH_MAX} characters, this one {len(value)}")


@attrs.frozen
class Note:
    """One note; its id is its place in the store and never changes."""

    id: int
    text: str = attrs.field(validator=_text)
