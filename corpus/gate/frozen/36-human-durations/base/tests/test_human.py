from durations import human


def test_seconds():
    assert human(0) == "0 s"
    assert human(59) == "59 s"


def test_minutes():
    assert human(60) == "1 min"
    assert human(150) == "2 min 30 s"


def test_hours():
    assert human(3600) == "1 h"
    assert human(3661) == "1 h 1 min 1 s"
    assert human(7205) == "2 h 5 s"


def test_negative():
    assert human(-90) == "-1 min 30 s"


def test_fractions():
    assert human(0.25) == "250 ms"
