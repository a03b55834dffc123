"""What several test files share."""

import unittest


class MoneyCase(unittest.TestCase):
    """Knows what amounts look like."""

    def assertCents(self, value):
        self.assertIs(type(value), int, f"{value!r} is no whole number of cents")
