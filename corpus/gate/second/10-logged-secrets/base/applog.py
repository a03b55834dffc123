"""The log of the application."""

import logging


class Redactor(logging.Filter):
    """Sees each record before it is written."""

    def filter(self, record):
        return True


def logger(handler):
    log = logging.getLogger("app")
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.INFO)
    handler.addFilter(Redactor())
    return log
