import unittest

from billing.invoice import Invoice, Line, in_other_currency


class InvoiceTest(unittest.TestCase):
    def test_total(self):
        invoice = Invoice(0.19, [Line("work", 3, 80.0), Line("travel", 1, 12.5)])
        self.assertAlmostEqual(invoice.net(), 252.5)
        self.assertAlmostEqual(invoice.tax(), 47.98, places=2)
        self.assertAlmostEqual(invoice.total(), 300.48, places=2)

    def test_hint(self):
        self.assertAlmostEqual(in_other_currency(100.0, 1.0837), 108.37)


if __name__ == "__main__":
    unittest.main()
