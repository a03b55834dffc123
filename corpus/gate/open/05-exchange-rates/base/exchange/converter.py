"""Converts amounts of money."""

from decimal import ROUND_HALF_EVEN, Decimal


class Converter:
    """Converts with the rates of one day. `fetch(source, target, day)` asks the rate server for a Decimal."""

    def __init__(self, fetch):
        self._fetch = fetch

    def rate(self, source, target, day):
        """Returns how much one unit of source is in target."""
        return self._fetch(source, target, day)

    def convert(self, cents, source, target, day):
        """Returns the amount in cents of target, rounded half to even."""
        return int((Decimal(cents) * self.rate(source, target, day)).quantize(Decimal(1), ROUND_HALF_EVEN))
