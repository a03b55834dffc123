"""Takes files of measurements into the database. Usage: python3 -m measure.load DATABASE FILE..."""

import sqlite3
import sys

from measure.parse import parse

SCHEMA = "CREATE TABLE IF NOT EXISTS measurements (station TEXT, day TEXT, value REAL, PRIMARY KEY (station, day))"


def load(db, path):
    """Returns how many rows were taken."""
    taken = 0
    with open(path, encoding="utf-8") as file:
        for row in file:
            if row.strip():
                found = parse(row)
                db.execute("INSERT INTO measurements VALUES (?, ?, ?)", (found.station, found.day.isoformat(), found.value))
                taken += 1
    return taken


def main(database, *paths):
    db = sqlite3.connect(database)
    db.execute(SCHEMA)
    with db:
        taken = sum(load(db, path) for path in paths)
    db.close()
    print(f"imported {taken}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
