from shares import split
from tests.support import MoneyCase


class SplitTest(MoneyCase):
    def test_even(self):
        self.assertEqual(split(900, 3), [300, 300, 300])

    def test_whole_cents(self):
        for share in split(1000, 3):
            self.assertCents(share)

    def test_the_first_get_what_is_left_over(self):
        self.assertEqual(split(1000, 3), [334, 333, 333])
        self.assertEqual(split(5, 3), [2, 2, 1])

    def test_more_shares_than_cents(self):
        self.assertEqual(split(2, 3), [1, 1, 0])

    def test_shares_add_up(self):
        for count in range(1, 20):
            self.assertEqual(sum(split(1000, count)), 1000)

    def test_nobody(self):
        with self.assertRaises(ValueError):
            split(100, 0)
