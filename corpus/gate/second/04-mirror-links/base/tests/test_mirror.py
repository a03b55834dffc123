import os
import tempfile
import unittest

from mirror import mirror


class Mirror(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source, self.target = os.path.join(folder.name, "a"), os.path.join(folder.name, "b")
        os.makedirs(os.path.join(self.source, "sub"))
        for name in ("one.txt", "sub/two.txt"):
            with open(os.path.join(self.source, name), "w") as file:
                file.write(name)

    def test_copies_a_tree(self):
        self.assertEqual(mirror(self.source, self.target), 2)
        with open(os.path.join(self.target, "sub", "two.txt")) as file:
            self.assertEqual(file.read(), "sub/two.txt")

    def test_copies_nothing_twice(self):
        mirror(self.source, self.target)
        self.assertEqual(mirror(self.source, self.target), 0)
