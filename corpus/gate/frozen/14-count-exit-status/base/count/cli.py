"""The command line."""

import sys
from pathlib import Path

from count.counting import counts


def main(argv=None):
    for name in sys.argv[1:] if argv is None else argv:
        lines, words, letters = counts(Path(name).read_text(encoding="utf-8"))
        print(f"{lines:7} {words:7} {letters:7} {name}")
