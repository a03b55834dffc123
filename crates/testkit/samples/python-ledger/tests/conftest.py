import pytest

from ledger.store import Ledger, connect


@pytest.fixture
def ledger():
    """A ledger in a schema of its own, gone after the test."""
    db = connect()
    db.run("CREATE SCHEMA of_test")
    db.run("SET search_path TO of_test")
    ledger = Ledger(db)
    ledger.create()
    yield ledger
    db.run("DROP SCHEMA of_test CASCADE")
    db.close()
