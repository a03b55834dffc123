import pytest

from notes.store import Store


def test_a_note_is_found_again(tmp_path):
    path = tmp_path / "notes.json"
    Store(path).add("Buy milk")
    assert [n.text for n in Store(path).all()] == ["Buy milk"]


def test_an_id_is_not_used_twice_while_a_later_note_exists(tmp_path):
    store = Store(tmp_path / "notes.json")
    first, second = store.add("one"), store.add("two")
    assert store.remove(first.id)
    assert not store.remove(first.id)
    assert store.add("three").id == second.id + 1


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001])
def test_a_bad_text_is_refused_and_not_stored(tmp_path, text):
    store = Store(tmp_path / "notes.json")
    with pytest.raises(ValueError):
        store.add(text)
    assert store.all() == []
