import json
from pathlib import Path

import pytest

from settings import SettingsError, load
from settings.files import DEFAULTS


@pytest.fixture
def save(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return lambda user: Path(tmp_path, ".notes.json").write_text(json.dumps(user), encoding="utf-8")


def test_without_a_file():
    assert load() == DEFAULTS


def test_one_value(save):
    save({"width": 100})
    assert load() == {**DEFAULTS, "width": 100}


def test_one_colour(save):
    save({"colours": {"error": "pink"}})
    assert load()["colours"] == {"error": "pink", "note": "blue", "on": True}


def test_the_defaults_stay(save):
    save({"colours": {"error": "pink"}})
    load()
    assert DEFAULTS["colours"]["error"] == "red"


def test_what_has_no_default_is_kept(save):
    save({"plugins": {"spell": {"language": "en"}}})
    assert load()["plugins"] == {"spell": {"language": "en"}}


@pytest.mark.parametrize(
    "user, path",
    [
        ({"width": "wide"}, "width"),
        ({"width": True}, "width"),
        ({"colours": {"error": 1}}, "colours.error"),
        ({"colours": {"on": 1}}, "colours.on"),
        ({"colours": "none"}, "colours"),
    ],
)
def test_another_type(save, user, path):
    save(user)
    with pytest.raises(SettingsError, match=rf"\b{path}\b"):
        load()
