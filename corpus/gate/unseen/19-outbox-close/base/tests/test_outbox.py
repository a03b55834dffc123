import subprocess
import sys
import time
import unittest

from outbox import Outbox


class Close(unittest.TestCase):
    def test_sends_what_is_queued(self):
        sent = []

        def send(message):
            time.sleep(0.01)
            sent.append(message)

        outbox = Outbox(send)
        for number in range(20):
            outbox.put(number)
        outbox.close()
        self.assertEqual(sent, list(range(20)))

    def test_an_error_comes_out(self):
        def send(message):
            raise OSError(f"no route for {message}")

        outbox = Outbox(send)
        outbox.put("a")
        with self.assertRaisesRegex(OSError, "no route for a"):
            outbox.close()

    def test_twice(self):
        sent = []
        outbox = Outbox(sent.append)
        outbox.put(1)
        outbox.close()
        outbox.close()
        self.assertEqual(sent, [1])


class Forgotten(unittest.TestCase):
    def test_the_program_ends(self):
        program = "from outbox import Outbox; Outbox(print).put('x')"
        self.assertEqual(subprocess.run([sys.executable, "-c", program], timeout=20, capture_output=True).returncode, 0)
