from decimal import Decimal

from exchange import Converter

asked = []


def fetch(source, target, day):
    asked.append((source, target, day))
    return Decimal(2)


converter = Converter(fetch)
for day in (1, 1, 2, 1, 2):
    assert converter.convert(5, "A", "B", day) == 10
assert asked == [("A", "B", 1), ("A", "B", 2)], asked
print("holds")
