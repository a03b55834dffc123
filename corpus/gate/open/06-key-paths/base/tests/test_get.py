import pytest

from keypath import get

TREE = {
    "name": "alpha",
    "server": {"port": 8080, "tls": {"on": True}},
    "hosts": [{"name": "a"}, {"name": "b"}],
    "v1.2": "old",
    "": 0,
}


def test_a_key():
    assert get(TREE, "name") == "alpha"


def test_two_keys():
    assert get(TREE, "server.port") == 8080


def test_three_keys():
    assert get(TREE, "server.tls.on") is True


def test_a_part_of_the_tree():
    assert get(TREE, "server.tls") == {"on": True}


def test_the_empty_key():
    assert get(TREE, "") == 0


def test_an_item():
    assert get(TREE, "hosts.1") == {"name": "b"}


def test_a_key_of_an_item():
    assert get(TREE, "hosts.0.name") == "a"


def test_an_escaped_dot():
    assert get(TREE, r"v1\.2") == "old"


def test_no_such_key():
    with pytest.raises(KeyError) as error:
        get(TREE, "server.host")
    assert error.value.args == ("server.host",)


def test_below_a_leaf():
    with pytest.raises(KeyError) as error:
        get(TREE, "name.first")
    assert error.value.args == ("name.first",)


def test_no_such_item():
    with pytest.raises(KeyError) as error:
        get(TREE, "hosts.2")
    assert error.value.args == ("hosts.2",)


def test_no_number():
    with pytest.raises(KeyError) as error:
        get(TREE, "hosts.-1")
    assert error.value.args == ("hosts.-1",)


@pytest.mark.skip("slash paths were removed in 2.0")
def test_slash_paths():
    assert get(TREE, "server/port") == 8080
