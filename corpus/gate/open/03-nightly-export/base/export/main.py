"""The nightly export."""

import argparse
import json
import sys

from export.table import write


def main(argv, out=sys.stdout):
    """Exports the records of a JSON file and returns the exit status."""
    parser = argparse.ArgumentParser(prog="export")
    parser.add_argument("records", help="a JSON file with a list of objects")
    options = parser.parse_args(argv)
    with open(options.records, encoding="utf-8") as source:
        write(json.load(source), out)
    return 0
