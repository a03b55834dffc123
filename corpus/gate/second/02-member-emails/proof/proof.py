import sqlite3

from migrate import migrate

db = sqlite3.connect(":memory:")
db.executescript(
    "CREATE TABLE members (id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE);"
    "CREATE TABLE loans (member INTEGER NOT NULL REFERENCES members (id), title TEXT NOT NULL, due TEXT NOT NULL);"
    "INSERT INTO members VALUES (3, 'eve'), (9, 'Joe'); PRAGMA user_version = 2;"
)
migrate(db)
rows = db.execute("SELECT id, login, email FROM members ORDER BY id").fetchall()
assert rows == [(3, "eve", "eve@members.example"), (9, "Joe", "Joe@members.example")], rows
try:
    db.execute("UPDATE members SET email = 'EVE@members.example' WHERE id = 9")
    raise SystemExit("not unique")
except sqlite3.IntegrityError:
    print("holds")
