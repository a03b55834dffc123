import unittest

from release import Release

SORTED = ["0.9", "1.2-alpha1", "1.2-beta1", "1.2-rc1", "1.2-rc2", "1.2-rc10", "1.2", "1.2.1", "1.9", "1.10", "2-rc1", "2"]


class ReleaseTest(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(Release("1.2"), Release("1.2.0"))
        self.assertEqual(Release("2-rc1"), Release("2.0.0-rc1"))

    def test_hash(self):
        self.assertEqual(len({Release("1.2"), Release("1.2.0"), Release("1.2.0.0")}), 1)

    def test_sorted(self):
        self.assertEqual(sorted(map(Release, reversed(SORTED))), [Release(text) for text in SORTED])

    def test_the_latest(self):
        self.assertEqual(max(Release("1.9"), Release("1.10")), Release("1.10"))

    def test_refused(self):
        for text in ("", "x", "-rc1"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                Release(text)
