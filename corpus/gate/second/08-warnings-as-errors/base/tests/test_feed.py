import os
import tempfile
import unittest

from feed import load


class Feeds(unittest.TestCase):
    def setUp(self):
        handle, path = tempfile.mkstemp()
        self.addCleanup(os.unlink, path)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("2023-02-27 One thing\n2023-03-01 Another thing\n")
        self.feed = load(path)

    def test_labels(self):
        labels = [entry.label() for entry in self.feed.entries]
        self.assertEqual(labels, ["2023-02-27 One thing", "2023-03-01 Another thing"])

    def test_age(self):
        self.assertEqual(self.feed.age((2023, 3, 11)), 10)

    def test_age_by_its_old_name(self):
        self.assertEqual(self.feed.age_days((2023, 3, 11)), 10)
