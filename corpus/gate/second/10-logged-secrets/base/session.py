"""Logging in."""


class Session:
    def __init__(self, log, users):
        self._log, self._users = log, users

    def login(self, name, password):
        self._log.info("login name=%s password=%s", name, password)
        return self._users.get(name) == password

    def pay(self, card, cents):
        self._log.info("paying %d cents with %s", cents, card)
