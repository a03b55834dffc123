"""Runs the tests of this folder; --reverse runs each class backwards."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]


def main(reverse):
    loader = unittest.TestLoader()
    if reverse:
        loader.sortTestMethodsUsing = lambda a, b: (a < b) - (a > b)
    result = unittest.TextTestRunner().run(loader.loadTestsFromName("test_plugins"))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main("--reverse" in sys.argv[1:]))
