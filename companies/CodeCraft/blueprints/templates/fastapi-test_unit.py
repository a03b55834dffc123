import pytest

from app import config
from app.problem import pointer
from app.rate_limit import CLIENTS_MAX, Buckets, client, network


def test_a_bucket_gives_what_it_holds_then_one_token_for_each_share_of_a_second():
    buckets = Buckets(2, 2)
    assert [buckets.take("a", 0) for _ in range(3)] == [None, None, 1]
    assert buckets.take("b", 0) is None, "another client has a bucket of its own"
    assert buckets.take("a", 0.499) == 1
    assert buckets.take("a", 0.5) is None
    assert [buckets.take("a", 3600) for _ in range(3)] == [None, None, 1], "never more than its capacity"


def test_the_memory_of_clients_has_an_end():
    buckets = Buckets(1, 1)
    for n in range(2 * CLIENTS_MAX):
        buckets.take(str(n), n)
    assert len(buckets) == CLIENTS_MAX


def test_an_address_is_believed_where_a_trusted_proxy_wrote_it():
    assert client("192.0.2.1", None, 1) == "192.0.2.1"
    assert client("192.0.2.1", "203.0.113.7", 0) == "192.0.2.1", "a stranger can write the header"
    assert client("192.0.2.1", "10.9.9.9, 203.0.113.7", 1) == "203.0.113.7"
    assert client("192.0.2.1", "203.0.113.7", 3) == "192.0.2.1", "fewer entries than proxies"
    assert client("192.0.2.1", "no address", 1) == "192.0.2.1"
    assert client(None, None, 0) == "everybody"


def test_one_network_of_ipv6_is_one_client():
    assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert network("2001:db8:1:3::1") != network("2001:db8:1:2::1")
    assert network("::ffff:203.0.113.7") == "203.0.113.7"


def test_all_that_is_wrong_is_said_at_once_and_no_password():
    word = "s3cret"
    wrong = {"PORT": "70000", "TRUSTED_PROXIES": "-1", "DATABASE_URL": f"mysql://me:{word}@db/x"}
    with pytest.raises(config.WrongSettingsError) as raised:
        config.read(wrong)
    for says in ["PORT takes a whole number from 1 to 65535", "TRUSTED_PROXIES takes", "DATABASE_URL takes"]:
        assert says in str(raised.value)
    assert word not in str(raised.value)
    settings = config.read({"DATABASE_URL": f"postgres://me:{word}@db/x"})
    assert (settings.host, settings.port, settings.rate_limit_burst) == ("127.0.0.1", 8080, 40)
    assert word not in repr(settings)


def test_a_pointer_is_escaped():
    assert pointer(["body", "a/b", "~", 0]) == "/a~1b/~0/0"
