"""Reads the settings of the user."""

import json
from pathlib import Path

DEFAULTS = {"editor": "vi", "width": 80, "colours": {"error": "red", "note": "blue", "on": True}}


class SettingsError(Exception):
    """The user's file has something that cannot be used."""


def merge(defaults, user):
    """Returns the defaults with what the user has set."""
    return {**defaults, **user}


def load():
    """Returns the defaults, changed by ~/.notes.json if there is one."""
    path = Path.home() / ".notes.json"
    if not path.exists():
        return DEFAULTS
    return merge(DEFAULTS, json.loads(path.read_text(encoding="utf-8")))
