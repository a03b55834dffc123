"""Reads feeds of news from files."""

from .reader import Entry, Feed, load

__all__ = ["Entry", "Feed", "load"]
