"""Which notes answer a query."""

from collections.abc import Iterable

from notes.model import Note


def search(notes: Iterable[Note], query: str) -> list[Note]:
    """The notes that contain every word of the query, oldest first."""
    words = query.split()
    return [note for note in notes if all(word in note.text for word in words)]
