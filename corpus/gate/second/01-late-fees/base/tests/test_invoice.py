import unittest

from invoice import late_fee, net, total
from statement import statement


class Invoice(unittest.TestCase):
    def test_sums_up(self):
        self.assertAlmostEqual(net([(2, 10.0, 0), (1, 4.5, 0)]), 24.5, places=2)

    def test_discount(self):
        self.assertAlmostEqual(net([(4, 25.0, 10)]), 90.0, places=2)

    def test_late_fee_ends_at_ten_weeks(self):
        self.assertEqual(late_fee(200.0, 3), 6.0)
        self.assertEqual(late_fee(200.0, 30), 20.0)

    def test_total(self):
        self.assertEqual(total([(1, 100.0, 0)], weeks_late=2), 102.0)

    def test_statement(self):
        self.assertEqual(statement("Ada", [(1, 100.0, 0)]), "Ada: 1 items, 100.00 EUR")
