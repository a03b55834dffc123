import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from export.main import main


class MainTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = Path(folder.name) / "records.json"

    def test_writes_a_table(self):
        self.source.write_text('[{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bo"}]', encoding="utf-8")
        out = io.StringIO()
        self.assertEqual(main([str(self.source)], out), 0)
        self.assertEqual(out.getvalue(), "id,name\n1,Ada\n2,Bo\n")

    def test_a_wrong_option(self):
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as ended:
            main(["--nonsense"])
        self.assertEqual(ended.exception.code, 2)
