"""Sends messages from a thread of its own."""

import queue
import threading


class Outbox:
    def __init__(self, send):
        self._send = send
        self._queue = queue.Queue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, message):
        self._queue.put(message)

    def close(self):
        self._closed = True

    def _work(self):
        while not self._closed:
            try:
                message = self._queue.get(timeout=0.05)
            except queue.Empty:
                continue
            self._send(message)
