import contextlib
import io
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from count import cli


class CliTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "a.txt"
        self.file.write_text("one two\nthree\n", encoding="utf-8")

    def test_counts(self):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            cli.main([str(self.file)])
        self.assertEqual(out.getvalue().split()[:3], ["2", "3", "14"])

    def test_missing_file(self):
        done = subprocess.run([sys.executable, "-m", "count", "no-such-file", str(self.file)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.strip(), "count: no-such-file: No such file or directory")
        self.assertIn("a.txt", done.stdout)


if __name__ == "__main__":
    unittest.main()
