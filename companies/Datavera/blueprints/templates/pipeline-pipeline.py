"""From a CSV file into SQLite: extract, validate, load. Python alone, nothing to install.

    python3 pipeline.py --input FILE --database FILE [--schema schema.json] [--quarantine DIR] [--reject-max 0.05]

A run over the same file changes nothing. A row that does not fit the schema goes to the quarantine with its line and its reasons,
and never into the table; with more of them than `--reject-max` of all rows nothing is loaded. A later row of the same key wins only
when it is newer (`version` of the schema). Exit codes: 0 loaded, 1 too many rejected or a file out of form, 2 wrong usage.
"""

import argparse
import csv
import datetime as dt
import decimal
import hashlib
import json
import os
import re
import sqlite3
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
TYPES = {"text", "integer", "minor", "date", "timestamp"}
KEYS = {"name", "type", "required", "min", "max", "enum", "digits"}
# One field; a quote that is not closed would otherwise take the rest of the file.
csv.field_size_limit(1_000_000)


class Wrong(Exception):
    """What a person has to mend: the file or the schema."""


@dataclass(frozen=True)
class Schema:
    table: str
    key: str
    version: str | None
    columns: list[dict]


def read_schema(path: Path) -> Schema:
    data = json.loads(path.read_text(encoding="utf-8"))
    unknown = set(data) - {"table", "key", "version", "columns"}
    if unknown:
        raise Wrong(f"{path}: unknown key {sorted(unknown)[0]!r}")
    names = [column["name"] for column in data["columns"]]
    for name in [data["table"], *names]:
        if not NAME.match(name):
            raise Wrong(f"{path}: {name!r} names no table and no column")
    if len(set(names)) != len(names):
        raise Wrong(f"{path}: a column is named twice")
    for column in data["columns"]:
        if column["type"] not in TYPES or set(column) - KEYS:
            raise Wrong(f"{path}: {column['name']}: unknown type or key")
    for name in [data["key"], data.get("version") or data["key"]]:
        if name not in names:
            raise Wrong(f"{path}: {name!r} is no column")
    return Schema(data["table"], data["key"], data.get("version"), data["columns"])


def value(column: dict, text: str):
    """A field as it is stored, or ValueError with what is wrong."""
    text = text.strip()
    if text == "":
        if column.get("required"):
            raise ValueError("missing")
        return None
    kind = column["type"]
    if kind == "text":
        found, size = text, len(text)
    elif kind == "integer":
        # int() takes `1_000` and digits of every script.
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise ValueError("no whole number")
        found = size = int(text)
    elif kind == "minor":
        found = size = minor(text, column.get("digits", 2))
    elif kind == "date":
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            raise ValueError("no date (YYYY-MM-DD)")
        found, size = dt.date.fromisoformat(text).isoformat(), None
    else:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("a time without its zone")
        found, size = moment.astimezone(dt.timezone.utc).isoformat(timespec="microseconds"), None
    if size is not None and "min" in column and size < column["min"]:
        raise ValueError(f"below {column['min']}")
    if size is not None and "max" in column and size > column["max"]:
        raise ValueError(f"above {column['max']}")
    if "enum" in column and found not in column["enum"]:
        raise ValueError(f"not one of {', '.join(column['enum'])}")
    return found


def minor(text: str, digits: int) -> int:
    """Money in its smallest unit, exactly; `12.345` with two digits is no amount."""
    if not re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]+)?", text):
        raise ValueError("no amount (1234.50)")
    scaled = decimal.Decimal(text).scaleb(digits)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"more than {digits} digits behind the point")
    return int(scaled)


def extract(path: Path, schema: Schema):
    """Line and fields of each row; the header must be the schema's, in any order."""
    names = [column["name"] for column in schema.columns]
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        header = [name.strip() for name in next(rows, [])]
        if sorted(header) != sorted(names):
            missing, new = sorted(set(names) - set(header)), sorted(set(header) - set(names))
            raise Wrong(f"{path}: the header lacks {missing} and has {new} besides")
        line = rows.line_num + 1
        for fields in rows:
            if fields:
                yield line, fields, header
            line = rows.line_num + 1


def validate(rows, schema: Schema):
    """What fits, one row a key and the newest of them, and what does not, with its reasons."""
    good, bad, seen = {}, [], 0
    columns = {column["name"]: column for column in schema.columns}
    for line, fields, header in rows:
        seen += 1
        if len(fields) != len(header):
            bad.append((line, f"{len(fields)} fields and not {len(header)}", fields))
            continue
        row, wrong = {}, []
        for name, text in zip(header, fields):
            try:
                row[name] = value(columns[name], text)
            except ValueError as error:
                wrong.append(f"{name}: {error}")
        if row.get(schema.key) is None and not wrong:
            wrong.append(f"{schema.key}: missing")
        if wrong:
            bad.append((line, "; ".join(wrong), fields))
            continue
        held = good.get(row[schema.key])
        if held is None or newer(row, held, schema):
            good[row[schema.key]] = row
    return list(good.values()), bad, seen


def newer(row: dict, held: dict, schema: Schema) -> bool:
    if schema.version is None or held[schema.version] is None:
        return True
    return row[schema.version] is not None and row[schema.version] >= held[schema.version]


def load(database: sqlite3.Connection, schema: Schema, rows: list[dict]) -> int:
    """Rows that were written; one that is there already, or is older, is left alone."""
    kinds = {"text": "TEXT", "integer": "INTEGER", "minor": "INTEGER", "date": "TEXT", "timestamp": "TEXT"}
    needed = " NOT NULL"
    columns = ", ".join(
        f"{c['name']} {kinds[c['type']]}{needed if c.get('required') or c['name'] == schema.key else ''}" for c in schema.columns
    )
    names = [column["name"] for column in schema.columns]
    database.execute(f"CREATE TABLE IF NOT EXISTS {schema.table} ({columns}, PRIMARY KEY ({schema.key})) STRICT")
    there = [row[1] for row in database.execute(f"PRAGMA table_info({schema.table})")]
    if there != names:
        raise Wrong(f"the table {schema.table} has the columns {there} and not {names}; migrate it first")
    others = [name for name in names if name != schema.key]
    differs = " OR ".join(f"{schema.table}.{name} IS NOT excluded.{name}" for name in others) or "false"
    if schema.version:
        differs = f"({differs}) AND coalesce(excluded.{schema.version} >= {schema.table}.{schema.version}, true)"
    sets = ", ".join(f"{name} = excluded.{name}" for name in others)
    conflict = f"DO UPDATE SET {sets} WHERE {differs}" if others else "DO NOTHING"
    before = database.total_changes
    database.executemany(
        f"INSERT INTO {schema.table} ({', '.join(names)}) VALUES ({', '.join('?' for _ in names)}) ON CONFLICT ({schema.key}) {conflict}",
        [[row[name] for name in names] for row in rows],
    )
    return database.total_changes - before


def quarantine(folder: Path, digest: str, bad: list) -> Path | None:
    """Named after the file's content: the same file gives the same one. Written whole or not at all."""
    if not bad:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest[:16]}.csv"
    with tempfile.NamedTemporaryFile("w", dir=folder, newline="", encoding="utf-8", delete=False) as file:
        rows = csv.writer(file)
        rows.writerow(["line", "reasons", "row"])
        rows.writerows([line, reasons, json.dumps(fields, ensure_ascii=False)] for line, reasons, fields in bad)
    os.replace(file.name, path)
    return path


def run(source: Path, target: Path, schema: Schema, folder: Path, reject_max: float) -> dict:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    rows, bad, seen = validate(extract(source, schema), schema)
    path = quarantine(folder, digest, bad)
    report = {"input": source.name, "sha256": digest, "rows": seen, "good": seen - len(bad), "rejected": len(bad), "written": 0,
              "quarantine": str(path) if path else None}
    if seen and len(bad) / seen > reject_max:
        report["error"] = f"{len(bad)} of {seen} rows are out of form; nothing is loaded"
        return report
    database = sqlite3.connect(target, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        database.execute(
            "CREATE TABLE IF NOT EXISTS pipeline_run (sha256 TEXT PRIMARY KEY, input TEXT NOT NULL, rows INTEGER NOT NULL, "
            "rejected INTEGER NOT NULL, loaded_at TEXT NOT NULL) STRICT"
        )
        report["written"] = load(database, schema, rows)
        now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
        database.execute("INSERT INTO pipeline_run VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", [digest, source.name, seen, len(bad), now])
        database.execute("COMMIT")
    finally:
        database.close()
    return report


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--schema", type=Path, default=Path(__file__).with_name("schema.json"))
    parser.add_argument("--quarantine", type=Path, default=Path("quarantine"))
    parser.add_argument("--reject-max", type=float, default=0.05)
    asked = parser.parse_args(args)
    try:
        report = run(asked.input, asked.database, read_schema(asked.schema), asked.quarantine, asked.reject_max)
    except (Wrong, OSError, KeyError, UnicodeDecodeError, csv.Error, json.JSONDecodeError, sqlite3.Error) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(report, ensure_ascii=False))
    return 1 if "error" in report else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
