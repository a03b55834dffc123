import unittest

from geo import show


class Show(unittest.TestCase):
    def test_all_quarters(self):
        self.assertEqual(show((48.2, 16.37)), "48.20°N 16.37°E")
        self.assertEqual(show((-33.87, -70.5)), "33.87°S 70.50°W")
