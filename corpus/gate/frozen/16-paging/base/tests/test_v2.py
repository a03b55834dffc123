import unittest

from paging import pages


class PagesTest(unittest.TestCase):
    def test_one_full_page_and_a_rest(self):
        self.assertEqual(pages([1, 2, 3], 2), [[1, 2], [3]])

    def test_exact(self):
        self.assertEqual(pages([1, 2, 3, 4], 2), [[1, 2], [3, 4]])

    def test_nothing(self):
        self.assertEqual(pages([], 2), [])

    def test_size_must_be_positive(self):
        with self.assertRaises(ValueError):
            pages([1], 0)
