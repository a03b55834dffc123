import unittest

from paging import page_links


class LinksTest(unittest.TestCase):
    def test_links(self):
        self.assertEqual(page_links(5, 2), ["?page=0", "?page=1", "?page=2"])
