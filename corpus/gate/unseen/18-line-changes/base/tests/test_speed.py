import time
import unittest

from changes import changes


class Speed(unittest.TestCase):
    def test_long_lists(self):
        old = [f"line {number}" for number in range(12000)]
        new = [f"line {number}" for number in range(6000, 18000)]
        start = time.perf_counter()
        added, removed = changes(old, new)
        self.assertLess(time.perf_counter() - start, 0.5)
        self.assertEqual((len(added), len(removed)), (6000, 6000))
