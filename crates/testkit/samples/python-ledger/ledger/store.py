"""Accounts and transfers. The database keeps the rules, so that two writers at once cannot break them."""

import os

import pg8000.native

SCHEMA = """
CREATE TABLE account (
    name text PRIMARY KEY,
    cents bigint NOT NULL DEFAULT 0 CHECK (cents >= 0)
)
"""


class Refused(Exception):
    """A transfer that the rules forbid; nothing was changed."""


def connect():
    """Opens the database that the environment names."""
    return pg8000.native.Connection(
        os.environ.get("PGUSER", "postgres"),
        host=os.environ.get("PGHOST", "127.0.0.1"),
        port=int(os.environ.get("PGPORT", "5432")),
        database=os.environ.get("PGDATABASE", "postgres"),
        password=os.environ.get("PGPASSWORD"),
    )


class Ledger:
    def __init__(self, connection):
        self.db = connection

    def create(self):
        self.db.run(SCHEMA)

    def open(self, name, cents=0):
        self.db.run("INSERT INTO account (name, cents) VALUES (:name, :cents)", name=name, cents=cents)

    def balance(self, name):
        rows = self.db.run("SELECT cents FROM account WHERE name = :name", name=name)
        if not rows:
            raise KeyError(name)
        return rows[0][0]

    def transfer(self, source, target, cents):
        """Moves money, all or nothing."""
        if cents <= 0:
            raise Refused("a transfer moves something")
        self.db.run("START TRANSACTION")
        try:
            for name, change in ((source, -cents), (target, cents)):
                rows = self.db.run(
                    "UPDATE account SET cents = cents + :change WHERE name = :name RETURNING cents",
                    change=change,
                    name=name,
                )
                if not rows:
                    raise Refused(f"no account {name}")
        except (Refused, pg8000.native.DatabaseError) as error:
            self.db.run("ROLLBACK")
            raise Refused(str(error)) from error
        self.db.run("COMMIT")
