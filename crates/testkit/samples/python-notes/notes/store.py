"""The file: a JSON array of notes, replaced as a whole."""

import json
import os
from pathlib import Path

import attrs

from notes.model import Note


class Store:
    """Notes of one file. A file that does not exist yet is an empty store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._notes: list[Note] = []
        if path.exists():
            self._notes = [Note(**row) for row in json.loads(path.read_text(encoding="utf-8"))]

    def all(self) -> list[Note]:
        return list(self._notes)

    def add(self, text: str) -> Note:
        note = Note(id=max((n.id for n in self._notes), default=0) + 1, text=text)
        self._write([*self._notes, note])
        return note

    def remove(self, note_id: int) -> bool:
        """Tells whether the note was there."""
        kept = [n for n in self._notes if n.id != note_id]
        if len(kept) == len(self._notes):
            return False
        self._write(kept)
        return True

    def _write(self, notes: list[Note]) -> None:
        """Writes beside the file and renames, so that a crash leaves the old or the new one."""
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps([attrs.asdict(n) for n in notes], indent=1), encoding="utf-8")
        os.replace(beside, self._path)
        self._notes = notes
