from ttlcache import Cache


def test_what_was_put_is_there():
    cache = Cache(ttl_s=60)
    cache.put("a", 1)
    assert cache.get("a") == 1
    assert cache.get("b", 7) == 7
