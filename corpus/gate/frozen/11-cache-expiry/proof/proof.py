import time

from ttlcache import Cache

now = [50.0]
time.monotonic = lambda: now[0]
cache = Cache(ttl_s=10)
cache.put("x", 1)
now[0] = 59.0
assert cache.get("x") == 1 and len(cache) == 1
now[0] = 61.0
assert cache.get("x") is None
assert len(cache) == 0
print("holds")
