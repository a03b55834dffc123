"""Reads payments from lines of `iban;cents`."""

from iban import valid


def read(lines):
    """The payments, and the lines that were refused."""
    payments, refused = [], []
    for line in lines:
        number, _, cents = line.strip().partition(";")
        if valid(number) and cents.isdecimal():
            payments.append((number, int(cents)))
        else:
            refused.append(line)
    return payments, refused
