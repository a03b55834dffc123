import os
import signal
import unittest

from isolated import ChildDied, call

seen = []


def remember(value):
    seen.append(value)
    return len(seen)


def kill_yourself():
    os.kill(os.getpid(), signal.SIGKILL)


class CallTest(unittest.TestCase):
    def test_a_result(self):
        self.assertEqual(call(divmod, 7, 2), (3, 1))

    def test_an_exception(self):
        with self.assertRaisesRegex(ValueError, "invalid literal"):
            call(int, "x")

    def test_a_change_stays_in_the_child(self):
        self.assertEqual(call(remember, 5), 1)
        self.assertEqual(call(remember, 6), 1)
        self.assertEqual(seen, [])

    def test_it_runs_in_another_process(self):
        self.assertNotEqual(call(os.getpid), os.getpid())

    def test_a_large_result(self):
        self.assertEqual(call(bytes, 1_000_000), bytes(1_000_000))

    def test_a_child_that_leaves(self):
        with self.assertRaisesRegex(ChildDied, "status 3"):
            call(os._exit, 3)

    def test_a_child_that_is_killed(self):
        with self.assertRaisesRegex(ChildDied, "signal 9"):
            call(kill_yourself)
