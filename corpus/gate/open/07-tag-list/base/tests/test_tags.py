from tags import parse


def test_splits():
    assert parse("red, green,blue") == ["red", "green", "blue"]


def test_drops_empty_tags():
    assert parse("red,, green, ") == ["red", "green"]
    assert parse("") == []


def test_drops_repeated_tags():
    assert parse("Blue,red,blue,RED") == ["Blue", "red"]
