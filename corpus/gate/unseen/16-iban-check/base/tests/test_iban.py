import unittest

from iban import shown, valid
from payments import read

GOOD = ["DE89 3704 0044 0532 0130 00", "AT611904300234573201", "GB29 NWBK 6016 1331 9268 19", "nl91abna0417164300"]


class Valid(unittest.TestCase):
    def test_good_ones(self):
        for number in GOOD:
            with self.subTest(number):
                self.assertTrue(valid(number))

    def test_a_wrong_digit(self):
        for number in ["DE89 3704 0044 0532 0130 01", "AT611904300234573211"]:
            with self.subTest(number):
                self.assertFalse(valid(number))

    def test_swapped_digits(self):
        self.assertFalse(valid("DE98 3704 0044 0532 0130 00"))

    def test_wrong_length(self):
        self.assertFalse(valid("DE89 3704 0044 0532 0130 000"))
        self.assertFalse(valid("AT61190430023457320"))

    def test_no_iban_at_all(self):
        for text in ["", "XX", "ZZ891234", "89DE37040044053201300", "DE89-3704-0044-0532-0130-0"]:
            with self.subTest(text):
                self.assertFalse(valid(text))


class Around(unittest.TestCase):
    def test_shown_in_groups(self):
        self.assertEqual(shown("at611904300234573201"), "AT61 1904 3002 3457 3201")

    def test_payments(self):
        payments, refused = read([f"{GOOD[1]};250", "AT611904300234573211;99"])
        self.assertEqual(payments, [(GOOD[1], 250)])
        self.assertEqual(len(refused), 1)
