from notes.model import Note
from notes.search import search

NOTES = [Note(1, "buy milk and bread"), Note(2, "milk the cow"), Note(3, "read")]


def test_every_word_must_be_there():
    assert [n.id for n in search(NOTES, "milk")] == [1, 2]
    assert [n.id for n in search(NOTES, "bread milk")] == [1]


def test_no_query_finds_all():
    assert search(NOTES, "") == NOTES
