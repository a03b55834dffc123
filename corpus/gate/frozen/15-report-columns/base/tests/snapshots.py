"""Compares a text with the file that holds what it should be."""

from pathlib import Path

FOLDER = Path(__file__).parent / "expected"


def assert_snapshot(name, text):
    expected = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert text == expected
