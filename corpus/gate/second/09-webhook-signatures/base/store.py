"""Keeps events in the order in which they came."""


class Store:
    def __init__(self):
        self._events = []

    def add(self, kind, event):
        self._events.append((kind, event))

    def kinds(self):
        return [kind for kind, _ in self._events]
