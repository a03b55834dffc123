from report import render
from snapshots import assert_snapshot


def test_week():
    assert_snapshot("week", render([("Anna", 38.5), ("Bartholomew", 7)]))


def test_nobody():
    assert_snapshot("nobody", render([]))
