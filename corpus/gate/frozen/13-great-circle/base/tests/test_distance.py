from distance import between

BERLIN, PARIS, TOKYO = (52.52, 13.405), (48.8566, 2.3522), (35.6762, 139.6503)


def close(km, expected_km):
    return abs(km - expected_km) / expected_km < 0.005


def test_the_same_place():
    assert between(PARIS, PARIS) == 0


def test_cities():
    assert close(between(BERLIN, PARIS), 877.5)
    assert close(between(BERLIN, TOKYO), 8918)
