import datetime
import unittest
from decimal import Decimal

from exchange import Converter

MONDAY = datetime.date(2024, 3, 4)


class ConverterTest(unittest.TestCase):
    def test_converts(self):
        converter = Converter(lambda source, target, day: Decimal("1.0825"))
        self.assertEqual(converter.convert(1000, "EUR", "USD", MONDAY), 1082)

    def test_a_failed_question_is_told(self):
        def fetch(source, target, day):
            raise OSError("no route")

        with self.assertRaisesRegex(OSError, "no route"):
            Converter(fetch).convert(1000, "EUR", "USD", MONDAY)
