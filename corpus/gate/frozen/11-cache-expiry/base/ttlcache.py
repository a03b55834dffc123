"""A dictionary that forgets."""

import time


class Cache:
    def __init__(self, ttl_s: float):
        self._ttl_s = ttl_s
        self._entries = {}

    def put(self, key, value):
        self._entries[key] = (time.monotonic(), value)

    def get(self, key, default=None):
        entry = self._entries.get(key)
        return default if entry is None else entry[1]

    def __len__(self):
        return len(self._entries)
