import warnings
from dataclasses import dataclass

from vendor import tinydate


@dataclass
class Entry:
    title: str
    day: tuple

    def label(self):
        return f"{tinydate.format_day(self.day)} {self.title}"


@dataclass
class Feed:
    entries: list

    def newest(self):
        return max(self.entries, key=lambda entry: entry.day)

    def age(self, today):
        """Days since the newest entry."""
        return tinydate.days(self.newest().day, today)

    def age_days(self, today):
        warnings.warn("age_days is called age now", DeprecationWarning, stacklevel=2)
        return self.age(today)


def load(path):
    """One entry is a line: a day, a space, the title."""
    entries = []
    for line in open(path, encoding="utf-8"):
        day, _, title = line.rstrip("\n").partition(" ")
        entries.append(Entry(title, tinydate.read(day)))
    return Feed(entries)
