"""Writes records as comma-separated values."""

import csv


def write(records, out):
    """Writes the records; the first one says which columns there are."""
    columns = list(records[0])
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return len(records)
