import os
import sqlite3
import tempfile
import unittest

from measure.load import SCHEMA, load
from measure.parse import parse


def written(test, text):
    handle, path = tempfile.mkstemp()
    test.addCleanup(os.unlink, path)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class Import(unittest.TestCase):
    def setUp(self):
        self.db = sqlite3.connect(":memory:")
        self.addCleanup(self.db.close)
        self.db.execute(SCHEMA)

    def test_takes_rows(self):
        load(self.db, written(self, "A,2023-01-01,1.5\n\nB,2023-01-01,2\n"))
        self.assertEqual(self.db.execute("SELECT station, value FROM measurements").fetchall(), [("A", 1.5), ("B", 2.0)])

    def test_the_same_row_twice(self):
        with self.assertRaises(sqlite3.IntegrityError):
            load(self.db, written(self, "A,2023-01-01,1\nA,2023-01-01,2\n"))

    def test_reasons(self):
        for row in ("A,2023-01-01", ",2023-01-01,1", "A,2023-02-30,1", "A,2023-01-01,much"):
            with self.subTest(row), self.assertRaises(ValueError):
                parse(row)
