"""Waits for something to come true."""

import time


def wait_until(ready, timeout_s, pause_s=1.0):
    """Returns whether ready() came true within timeout_s."""
    end = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() >= end:
            return False
        time.sleep(pause_s)
    return True
