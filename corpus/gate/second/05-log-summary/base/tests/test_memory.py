import os
import tempfile
import tracemalloc
import unittest

from logsum import summarise

LINES = 40_000
PEAK_BYTES_MAX = 400_000


class Memory(unittest.TestCase):
    def test_a_large_log_needs_little(self):
        handle, path = tempfile.mkstemp()
        self.addCleanup(os.unlink, path)
        with os.fdopen(handle, "w") as file:
            for number in range(LINES):
                file.write(f"/page/{number % 50} 200 {number} {number % 900}\n")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        summary = summarise(path)
        peak = tracemalloc.get_traced_memory()[1]
        self.assertEqual(summary.statuses, {200: LINES})
        self.assertLess(peak, PEAK_BYTES_MAX)
