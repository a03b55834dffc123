import contextlib
import tempfile
from pathlib import Path

import pytest

from config import DEFAULTS, ConfigError, load, load_legacy


@contextlib.contextmanager
def config_file(text, suffix=".toml"):
    path = Path(tempfile.mkstemp(suffix=suffix)[1])
    path.write_text(text)
    try:
        yield path
    finally:
        path.unlink()


def test_defaults():
    with config_file("") as path:
        assert load(path) == DEFAULTS


def test_values():
    with config_file('port = 81\nhost = "example.org"\n') as path:
        assert load(path) == {"port": 81, "host": "example.org", "debug": False}


def test_wrong_type():
    with config_file('port = "81"\n') as path:
        with pytest.raises(ConfigError, match="port"):
            load(path)


def test_unknown_key():
    with config_file("prot = 81\n") as path:
        with pytest.raises(ConfigError, match="prot"):
            load(path)


def test_legacy():
    with config_file("[server]\nport = 81\nhost = example.org\n", ".ini") as path:
        assert load_legacy(path)["port"] == 81
