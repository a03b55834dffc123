"""Invoices."""

from dataclasses import dataclass, field

from billing.money import round_cents


@dataclass
class Line:
    text: str
    count: int
    price: float


@dataclass
class Invoice:
    vat: float
    lines: list = field(default_factory=list)

    def net(self):
        return round_cents(sum(line.count * line.price for line in self.lines))

    def tax(self):
        return round_cents(self.net() * self.vat)

    def total(self):
        return round_cents(self.net() + self.tax())


def in_other_currency(amount, rate):
    """Shows an amount in another currency; only a hint for the reader of the invoice."""
    return amount * rate
