from decimal import Decimal

from billing.invoice import Invoice, Line


def tax(vat, price):
    try:
        return Invoice(Decimal(vat), [Line("x", 1, Decimal(price))]).tax()
    except TypeError:
        return Invoice(float(vat), [Line("x", 1, float(price))]).tax()


assert Decimal(str(tax("0.30", "0.35"))) == Decimal("0.11"), tax("0.30", "0.35")
assert Decimal(str(tax("0.50", "0.25"))) == Decimal("0.13")
print("holds")
