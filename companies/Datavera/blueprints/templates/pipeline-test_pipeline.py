import csv
import json
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SAMPLE = HERE / "sample" / "orders.csv"


class Pipeline(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)
        self.database = self.dir / "out.db"

    def walk(self, source=SAMPLE, *more):
        command = [sys.executable, HERE / "pipeline.py", "--input", source, "--database", self.database]
        command += ["--quarantine", self.dir / "quarantine", *more]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, encoding="utf-8")
        return done.returncode, done.stdout, done.stderr

    def loaded(self, *more):
        code, out, err = self.walk(SAMPLE, "--reject-max", "0.6", *more)
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def ask(self, sql):
        database = sqlite3.connect(self.database)
        self.addCleanup(database.close)
        return database.execute(sql).fetchall()

    def write(self, text):
        path = self.dir / "in.csv"
        path.write_text(text, encoding="utf-8")
        return path

    def test_good_rows_are_loaded_and_bad_ones_are_kept_with_their_reasons(self):
        report = self.loaded()
        self.assertEqual((report["rows"], report["good"], report["rejected"], report["written"]), (13, 6, 7, 4))
        rows = self.ask("SELECT order_id, portions, total_minor FROM orders ORDER BY order_id")
        self.assertEqual(rows, [("A-001", 12, 150000), ("A-002", 4, 54700), ("A-003", 20, 299999), ("A-010", 7, 105000)])
        with open(report["quarantine"], newline="", encoding="utf-8") as file:
            kept = {row["line"]: row["reasons"] for row in csv.DictReader(file)}
        self.assertEqual(list(kept), ["8", "9", "10", "11", "12", "13", "14"])
        for line, part in {"8": "ordered_on", "9": "below 1", "10": "2 digits", "11": "NO, SE", "12": "order_id: missing",
                           "13": "zone", "14": "5 fields and not 7"}.items():
            self.assertIn(part, kept[line])

    def test_a_second_run_changes_nothing(self):
        self.loaded()
        before = self.ask("SELECT * FROM orders"), self.ask("SELECT * FROM pipeline_run")
        self.assertEqual(self.loaded()["written"], 0)
        self.assertEqual((self.ask("SELECT * FROM orders"), self.ask("SELECT * FROM pipeline_run")), before)
        self.assertEqual(len(list((self.dir / "quarantine").iterdir())), 1)

    def test_a_late_file_with_older_rows_changes_nothing(self):
        self.loaded()
        head = SAMPLE.read_text(encoding="utf-8").splitlines()[0]
        late = self.write(f"{head}\nA-002,2026-03-01,SE,1,1.00,late,2026-03-01T09:59:00Z\n")
        code, out, err = self.walk(late)
        self.assertEqual((code, json.loads(out)["written"]), (0, 0), err)
        newer = self.write(f"{head}\nA-002,2026-03-01,SE,9,9.00,newer,2026-03-05T00:00:00Z\n")
        self.assertEqual(json.loads(self.walk(newer)[1])["written"], 1)
        self.assertEqual(self.ask("SELECT portions FROM orders WHERE order_id = 'A-002'"), [(9,)])

    def test_with_too_many_bad_rows_nothing_is_loaded(self):
        code, out, _ = self.walk()
        self.assertEqual(code, 1)
        self.assertIn("7 of 13", json.loads(out)["error"])
        self.assertFalse(self.database.exists())

    def test_another_header_is_named(self):
        code, _, err = self.walk(self.write("order_id,amount\nA-1,2\n"))
        self.assertEqual(code, 1)
        self.assertIn("amount", err)
        self.assertIn("total_minor", err)

    def test_bytes_that_are_no_text_and_quotes_without_an_end_load_nothing(self):
        path = self.dir / "bytes.csv"
        path.write_bytes(SAMPLE.read_bytes() + b"A-011,2026-03-03,NO,1,1.00,\xff,2026-03-03T12:00:00Z\n")
        self.assertEqual(self.walk(path)[0], 1)
        self.assertEqual(self.walk(self.write(SAMPLE.read_text(encoding="utf-8") + 'A-011,"'))[0], 1)
        self.assertFalse(self.database.exists())

    def test_a_table_of_other_columns_is_not_written(self):
        sqlite3.connect(self.database).executescript("CREATE TABLE orders (order_id TEXT)")
        code, _, err = self.walk(SAMPLE, "--reject-max", "1")
        self.assertEqual(code, 1)
        self.assertIn("migrate", err)
        self.assertEqual(self.ask("SELECT name FROM sqlite_master"), [("orders",)])


if __name__ == "__main__":
    unittest.main()
