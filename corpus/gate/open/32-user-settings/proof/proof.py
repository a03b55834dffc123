import os
import tempfile
from pathlib import Path

from settings import SettingsError, load

with tempfile.TemporaryDirectory() as home:
    os.environ["HOME"] = home
    Path(home, ".notes.json").write_text('{"colours": {"note": "grey"}}', encoding="utf-8")
    assert load()["colours"] == {"error": "red", "note": "grey", "on": True}
    Path(home, ".notes.json").write_text('{"colours": {"note": 7}}', encoding="utf-8")
    try:
        load()
    except SettingsError as error:
        assert "colours.note" in str(error)
        print("holds")
