import logging

import pytest

from applog import logger
from session import Session


class Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def lines():
    return Lines()


@pytest.fixture
def log(lines):
    return logger(lines)


def test_login_is_logged(log, lines):
    assert Session(log, {"ada": "hunter2"}).login("ada", "hunter2")
    assert lines.lines == ["login name=ada password=hunter2"]


def test_payment_is_logged(log, lines):
    Session(log, {}).pay("voucher 17", 500)
    assert lines.lines == ["paying 500 cents with voucher 17"]
