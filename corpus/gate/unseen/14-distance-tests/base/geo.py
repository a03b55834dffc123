"""Places on the globe."""

from math import asin, cos, radians, sin, sqrt

EARTH_KM = 6371.0


def distance(a, b):
    """Kilometres between two (latitude, longitude) pairs along the surface."""
    lat_a, lon_a, lat_b, lon_b = map(radians, (*a, *b))
    half = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half)))


def show(place):
    """A place as people write it."""
    lat, lon = place
    return f"{abs(lat):.2f}°{'N' if lat >= 0 else 'S'} {abs(lon):.2f}°{'E' if lon >= 0 else 'W'}"
