import unittest

from polling import wait_until


class WaitTest(unittest.TestCase):
    def test_ready_at_once(self):
        self.assertTrue(wait_until(lambda: True, 1))

    def test_ready_later(self):
        answers = iter([False, True])
        self.assertTrue(wait_until(lambda: next(answers), 3))

    def test_never_ready(self):
        self.assertFalse(wait_until(lambda: False, 0.5))
