import sqlite3
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from members import by_login, join  # noqa: E402
from migrate import dump, migrate, version  # noqa: E402


class Migrate(unittest.TestCase):
    def setUp(self):
        self.db = sqlite3.connect(":memory:")
        self.addCleanup(self.db.close)

    def test_a_fresh_database_gets_the_newest_version(self):
        self.assertEqual(migrate(self.db), 2)

    def test_twice_is_once(self):
        migrate(self.db)
        self.assertEqual(migrate(self.db), version(self.db))

    def test_the_dump_is_current(self):
        migrate(self.db)
        self.assertEqual(dump(self.db), (ROOT / "schema.sql").read_text())

    def test_join(self):
        migrate(self.db)
        self.assertEqual(join(self.db, "ada"), by_login(self.db, "ada")[0])
