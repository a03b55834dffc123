"""Invoices as accounting computed them."""

import unittest

from invoice import net

COMPUTED = {
    "A-1001": ([(1, 0.125, 0), (1, 0.125, 0)], 0.26),
    "A-1002": ([(3, 1.115, 0), (1, 2.0, 0)], 5.35),
    "A-1003": ([(1, 1.005, 0)], 1.01),
    "A-1004": ([(1, 2.333, 0), (1, 2.333, 0), (1, 2.333, 0)], 6.99),
    "A-1005": ([(1, 9.99, 15), (1, 9.99, 15)], 16.98),
}


class Accounting(unittest.TestCase):
    def test_same_as_accounting(self):
        for number, (lines, expected) in COMPUTED.items():
            with self.subTest(number):
                self.assertEqual(net(lines), expected)
