"""Which items are on which page."""


def pages(items, size):
    """Splits items into pages of size."""
    return [items[n:n + size] for n in range(0, len(items) - size, size)]
