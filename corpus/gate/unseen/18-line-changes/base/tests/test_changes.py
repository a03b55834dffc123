import unittest

from changes import changes


class Changes(unittest.TestCase):
    def test_added_and_removed(self):
        self.assertEqual(changes(["a", "b"], ["b", "c"]), (["c"], ["a"]))

    def test_order_and_repetition(self):
        self.assertEqual(changes(["x"], ["q", "p", "q", "x"]), (["q", "p", "q"], []))

    def test_nothing(self):
        self.assertEqual(changes([], []), ([], []))
        self.assertEqual(changes(["a", "b"], ["b", "a", "a"]), ([], []))
