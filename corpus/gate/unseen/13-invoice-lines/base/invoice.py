"""Invoices."""

from dataclasses import dataclass, field


@dataclass
class Line:
    sku: str
    cents: int
    quantity: int = 1


@dataclass
class Invoice:
    number: str
    lines: list[Line] = field(default_factory=list)

    def add(self, line):
        self.lines.append(line)

    def total(self):
        """What is to be paid, in cents."""
        return sum(line.cents * line.quantity for line in self.lines)

    def merged(self):
        """The same invoice with equal lines put together."""
        raise NotImplementedError
