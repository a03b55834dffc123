"""Brings a database to the newest version. Versions are numbered files in migrations/, each applied once."""

import sqlite3
import sys
from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"


def steps():
    return sorted((int(path.name.split("_")[0]), path) for path in MIGRATIONS.glob("*.sql"))


def version(db):
    return db.execute("PRAGMA user_version").fetchone()[0]


def migrate(db):
    for number, path in steps():
        if number > version(db):
            db.executescript(f"BEGIN;{path.read_text()};PRAGMA user_version = {number};COMMIT;")
    return version(db)


def dump(db):
    rows = db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    return "".join(f"{sql};\n" for (sql,) in rows)


if __name__ == "__main__" and sys.argv[1:] == ["--dump"]:
    fresh = sqlite3.connect(":memory:")
    migrate(fresh)
    (Path(__file__).parent / "schema.sql").write_text(dump(fresh))
