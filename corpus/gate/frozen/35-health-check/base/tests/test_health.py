import unittest

from health import check


class HealthTest(unittest.TestCase):
    def test_all_well(self):
        self.assertEqual(
            check({"database": lambda: None, "queue": lambda: None}),
            {"status": "ok", "parts": {"database": "ok", "queue": "ok"}},
        )
