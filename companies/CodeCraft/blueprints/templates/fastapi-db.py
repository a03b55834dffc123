"""The database: a pool that connects when it is opened, and the migrations in `migrations/`."""

import hashlib
from pathlib import Path

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"

# Connections of one process; PostgreSQL has 100 for all of them together unless it is told otherwise.
CONNECTIONS_MAX = 10
# Seconds a request waits for a connection before it is told that the database does not answer.
WAIT_S = 3.0
# Any number that nothing else in this database locks.
LOCK = 6_205_871_443


class ChangedMigrationError(RuntimeError):
    """A migration was changed after it had been applied: what the tables are is not what the files say."""


def pool(url: str) -> AsyncConnectionPool:
    return AsyncConnectionPool(
        url, min_size=1, max_size=CONNECTIONS_MAX, timeout=WAIT_S, open=False, kwargs={"connect_timeout": 3}
    )


async def migrate(connections: AsyncConnectionPool) -> list[str]:
    """Applies what is missing, in the order of the names, all or nothing; returns the names of what it applied."""
    async with connections.connection() as connection, connection.transaction():
        # Of several processes that start at once, one goes first.
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration ("
            " name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        known = dict(await (await connection.execute("SELECT name, sha256 FROM schema_migration")).fetchall())
        return [name for name, text in files() if await _apply(connection, name, text, known)]


def files() -> list[tuple[str, bytes]]:
    """The migrations, which are part of the program like its code."""
    return [(path.stem, path.read_bytes()) for path in sorted(MIGRATIONS.glob("*.sql"))]


async def _apply(connection: AsyncConnection, name: str, text: bytes, known: dict[str, str]) -> bool:
    digest = hashlib.sha256(text).hexdigest()
    if name in known:
        if known[name] != digest:
            raise ChangedMigrationError(f"{name}.sql was changed after it was applied; write the next migration")
        return False
    await connection.execute(text)
    await connection.execute("INSERT INTO schema_migration (name, sha256) VALUES (%s, %s)", [name, digest])
    return True


async def ping(connections: AsyncConnectionPool) -> None:
    async with connections.connection() as connection:
        await connection.execute("SELECT 1")
