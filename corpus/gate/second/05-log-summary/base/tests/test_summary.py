import os
import tempfile
import unittest

from logsum import summarise
from logsum.summary import drop_empty, parse, read_lines

LOG = "/a 200 10 5\n\n/b 404 0 2\n/c 200 30 90\nwhat is this\n"


class Summaries(unittest.TestCase):
    def setUp(self):
        handle, self.path = tempfile.mkstemp()
        self.addCleanup(os.unlink, self.path)
        with os.fdopen(handle, "w") as file:
            file.write(LOG)

    def test_counts(self):
        summary = summarise(self.path)
        self.assertEqual(summary.statuses, {200: 2, 404: 1})
        self.assertEqual(summary.bytes_sent, 40)
        self.assertEqual(summary.unreadable, 1)

    def test_the_slowest(self):
        summary = summarise(self.path)
        self.assertEqual((summary.slowest_path, summary.slowest_ms), ("/c", 90))

    def test_parse(self):
        self.assertEqual(parse("/a 200 10 5"), ("/a", 200, 10, 5))
        self.assertIsNone(parse("/a 200 ten 5"))

    def test_read_lines(self):
        self.assertEqual(len(read_lines(self.path)), 6)

    def test_drop_empty(self):
        self.assertEqual(drop_empty(["a", " ", ""]), ["a"])
