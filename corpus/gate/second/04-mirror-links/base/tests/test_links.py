import os
import tempfile
import unittest

from mirror import mirror


class Links(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source, self.target = os.path.join(folder.name, "a"), os.path.join(folder.name, "b")
        os.makedirs(os.path.join(self.source, "sub"))

    def test_a_link_to_the_parent(self):
        os.symlink("..", os.path.join(self.source, "sub", "up"))
        mirror(self.source, self.target)
        self.assertEqual(os.readlink(os.path.join(self.target, "sub", "up")), "..")

    def test_a_link_to_nowhere(self):
        os.symlink("gone.txt", os.path.join(self.source, "dangling"))
        mirror(self.source, self.target)
        self.assertEqual(os.readlink(os.path.join(self.target, "dangling")), "gone.txt")
