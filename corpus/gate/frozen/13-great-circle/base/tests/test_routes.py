from routes import length_km

BERLIN, PARIS = (52.52, 13.405), (48.8566, 2.3522)


def close(km, expected_km):
    return abs(km - expected_km) / expected_km < 0.005


def test_there_and_back():
    assert close(length_km([BERLIN, PARIS, BERLIN]), 1755)
