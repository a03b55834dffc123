import unittest

from invoice import Invoice, Line


class Merged(unittest.TestCase):
    def test_equal_lines_become_one(self):
        invoice = Invoice("7", [Line("nail", 5, 10), Line("saw", 1200), Line("nail", 5, 15)])
        self.assertEqual(invoice.merged(), Invoice("7", [Line("nail", 5, 25), Line("saw", 1200)]))

    def test_another_price_is_another_line(self):
        invoice = Invoice("7", [Line("nail", 5), Line("nail", 4)])
        self.assertEqual(invoice.merged(), invoice)

    def test_the_invoice_itself_stays(self):
        invoice = Invoice("7", [Line("nail", 5), Line("nail", 5)])
        invoice.merged()
        self.assertEqual(invoice.lines, [Line("nail", 5), Line("nail", 5)])

    def test_an_empty_invoice(self):
        self.assertEqual(Invoice("8").merged(), Invoice("8"))


class Total(unittest.TestCase):
    def test_grows_with_a_line(self):
        invoice = Invoice("9", [Line("saw", 1200)])
        self.assertEqual(invoice.total(), 1200)
        invoice.add(Line("nail", 5, 4))
        self.assertEqual(invoice.total(), 1220)

    def test_asking_for_it_changes_nothing(self):
        asked, unasked = Invoice("9", [Line("saw", 1200)]), Invoice("9", [Line("saw", 1200)])
        asked.total()
        self.assertEqual(asked, unasked)
