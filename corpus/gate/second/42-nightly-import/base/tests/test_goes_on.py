import contextlib
import io
import os
import sqlite3
import tempfile
import unittest

from measure.load import main


class GoesOn(unittest.TestCase):
    def test_rows_behind_a_bad_one_are_imported(self):
        with tempfile.TemporaryDirectory() as folder:
            rows, database = os.path.join(folder, "rows"), os.path.join(folder, "db")
            with open(rows, "w", encoding="utf-8") as file:
                file.write("A,2023-01-01,1\nA,yesterday,1\nB,2023-01-01,2\n")
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                main(database, rows)
            db = sqlite3.connect(database)
            self.assertEqual(db.execute("SELECT station FROM measurements").fetchall(), [("A",), ("B",)])
            db.close()
