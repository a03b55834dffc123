"""tinydate 0.9: days as tuples. Taken over unchanged."""

import datetime
import warnings


def _old(name, new):
    warnings.warn(f"tinydate.{name} is deprecated, use {new}", DeprecationWarning, stacklevel=3)


def parse_iso(text):
    day = datetime.date.fromisoformat(text)
    return day.year, day.month, day.day


def to_iso(day):
    return datetime.date(*day).isoformat()


def between(start, end):
    return abs((datetime.date(*end) - datetime.date(*start)).days)


def read(text):
    _old("read", "parse_iso")
    return parse_iso(text)


def format_day(day):
    _old("format_day", "to_iso")
    return to_iso(day)


def days(start, end):
    _old("days", "between")
    return between(start, end)
