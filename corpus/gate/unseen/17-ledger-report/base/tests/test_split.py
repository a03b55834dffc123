import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from ledger import split


def test_even():
    assert split(900, 3) == [300, 300, 300]


def test_extra_cents_go_to_the_first():
    assert split(1000, 3) == [334, 333, 333]
    assert split(11, 4) == [3, 3, 3, 2]


@pytest.mark.parametrize("cents", [0, 1, 99, 1001])
def test_nothing_is_lost(cents):
    assert sum(split(cents, 7)) == cents


def test_no_parts():
    with pytest.raises(ValueError):
        split(100, 0)
