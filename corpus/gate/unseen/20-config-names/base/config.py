"""Reads the configuration."""

import configparser
import tomllib

DEFAULTS = {"port": 8080, "host": "localhost", "debug": False}


class ConfigError(Exception):
    """The configuration cannot be used."""


def load(path):
    """The configuration in a TOML file, with defaults for what is not there."""
    with open(path, "rb") as file:
        return DEFAULTS | tomllib.load(file)


def load_legacy(path):
    """The configuration in an old .ini file."""
    parser = configparser.ConfigParser()
    parser.read(path)
    section = parser["server"]
    return DEFAULTS | {"port": section.getint("port"), "host": section.get("host")}
