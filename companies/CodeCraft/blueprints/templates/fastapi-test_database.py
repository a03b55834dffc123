"""The API with a real PostgreSQL, that of DATABASE_URL. Each test has a schema of its own there."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from fastapi.testclient import TestClient

from app import config, db
from app.main import create_app, migrated

pytestmark = pytest.mark.database


@pytest.fixture
def settings() -> Iterator[config.Config]:
    url = os.environ.get("DATABASE_URL")
    if not url:
        assert "GITHUB_ACTIONS" not in os.environ, "the CI has to give a PostgreSQL in DATABASE_URL"
        pytest.skip("DATABASE_URL names no PostgreSQL that tests may write to")
    schema = f"test_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {schema}".encode())
    join = "&" if "?" in url else "?"
    yield config.read({"DATABASE_URL": f"{url}{join}options=-csearch_path%3D{schema}"})
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"DROP SCHEMA {schema} CASCADE".encode())


def test_migrations_run_twice_without_harm(settings: config.Config):
    assert asyncio.run(migrated(settings)) == ["0001_notes"]
    assert asyncio.run(migrated(settings)) == []
    with psycopg.connect(settings.database_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("INSERT INTO note (title) VALUES ('')")


def test_a_migration_that_was_changed_is_refused(
    settings: config.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(db, "MIGRATIONS", tmp_path)
    (tmp_path / "0001_a.sql").write_text("CREATE TABLE a ()")
    assert asyncio.run(migrated(settings)) == ["0001_a"]
    (tmp_path / "0001_a.sql").write_text("CREATE TABLE b ()")
    with pytest.raises(db.ChangedMigrationError, match=r"0001_a\.sql"):
        asyncio.run(migrated(settings))


def test_a_note_is_made_found_and_listed(settings: config.Config):
    asyncio.run(migrated(settings))
    sly = "'); DROP TABLE note; --"
    with TestClient(create_app(settings)) as api:
        assert api.get("/readyz").json() == {"status": "ready"}
        for title in ["first", sly]:
            made = api.post("/api/v1/notes", json={"title": title})
            assert made.status_code == 201
            assert api.get(made.headers["location"]).json() == made.json()
        assert [note["title"] for note in api.get("/api/v1/notes?limit=1").json()] == [sly]
        assert api.get(f"/api/v1/notes/{uuid4()}").status_code == 404
