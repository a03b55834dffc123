import sqlite3
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)
        database = sqlite3.connect(self.dir / "in.db")
        database.executescript((HERE / "sample.sql").read_text(encoding="utf-8"))
        database.close()

    def walk(self, sql=None):
        path = HERE / "report.sql"
        if sql:
            path = self.dir / "own.sql"
            path.write_text(sql, encoding="utf-8")
        command = [sys.executable, "-B", HERE / "report.py", "--database", self.dir / "in.db", "--sql", path, "--out", self.dir / "out.html"]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, encoding="utf-8")
        text = (self.dir / "out.html").read_text(encoding="utf-8") if done.returncode == 0 else ""
        return done.returncode, text, done.stderr

    def test_figures_are_the_databases_and_text_stays_text(self):
        code, text, err = self.walk()
        self.assertEqual(code, 0, err)
        for part in ["<td>2026-03-02</td><td class=\"n\">16</td>", "<td class=\"n\">2\u202f999.99</td>", "&lt;script&gt;alert(1)&lt;/script&gt;"]:
            self.assertIn(part, text)
        self.assertNotIn("<script", text)
        self.assertNotIn("http", text.replace('http-equiv="Content', ""))
        self.assertEqual(self.walk()[1], text)

    def test_bars_are_as_long_as_their_figures(self):
        text = self.walk()[1]
        svg = xml.fromstring(text[text.index("<svg"):text.index("</svg>") + 6])
        heights = [float(bar.get("height")) for bar in svg.iter("rect")]
        self.assertEqual(len(heights), 4)
        for height, portions in zip(heights, [16, 20, 7, 1]):
            self.assertAlmostEqual(height / heights[1], portions / 20, places=2)

    def test_a_query_that_writes_or_runs_away_or_is_wrong_makes_no_page(self):
        for sql, part in [
            ("-- title: a\nDELETE FROM orders;", "readonly"),
            ("-- title: a\nWITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n;", "interrupted"),
            ("-- title: a\nSELECT nothing FROM orders;", "nothing"),
            ("SELECT 1;", "title"),
            ("-- title: a\nSELECT 1", "semicolon"),
            ("-- title: a\n-- chart: bar\nSELECT order_id, country FROM orders;", "numbers"),
        ]:
            code, _, err = self.walk(sql)
            self.assertEqual(code, 1, sql)
            self.assertIn(part, err)
            self.assertFalse((self.dir / "out.html").exists())

    def test_negative_figures_none_and_nothing(self):
        code, text, err = self.walk("-- title: a\n-- chart: bar\nSELECT 'x', -5 UNION ALL SELECT 'y', 5 ORDER BY 1;\n-- title: b\nSELECT NULL AS n;\n"
                                    "-- title: c\n-- chart: line\nSELECT 1, 2 WHERE 0;")
        self.assertEqual(code, 0, err)
        self.assertIn("No rows.", text)
        self.assertIn("<td class=\"n\">–</td>", text)


if __name__ == "__main__":
    unittest.main()
