"""Totals of invoices. A line is (quantity, unit price in euros, discount in percent)."""


def line_amount(line):
    quantity, price, discount = line
    return quantity * price * (1 - discount / 100)


def net(lines):
    return round(sum(line_amount(line) for line in lines), 2)


def late_fee(amount, weeks):
    """One percent for each week begun, never more than ten."""
    return round(amount * min(weeks, 10) / 100, 2)


def total(lines, weeks_late=0):
    amount = net(lines)
    return round(amount + late_fee(amount, weeks_late), 2)
