import logging

from applog import logger


class Lines(logging.Handler):
    lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


log = logger(Lines())
log.info("login password=%s", "correct-horse")
log.info('{"Token": "zzz9"}')
log.info("paid with 378282246310005 and 3782 822463 10006")
text = "\n".join(Lines.lines)
for secret in ("correct-horse", "zzz9", "378282246310005"):
    assert secret not in text, text
assert "3782 822463 10006" in text
print("holds")
