"""Places on the globe."""

from math import radians, sqrt

EARTH_KM = 6371.0


def distance(a, b):
    """Kilometres between two (latitude, longitude) pairs, as if the globe were flat."""
    lat_a, lon_a, lat_b, lon_b = map(radians, (*a, *b))
    return EARTH_KM * sqrt((lat_b - lat_a) ** 2 + (lon_b - lon_a) ** 2)


def show(place):
    """A place as people write it."""
    lat, lon = place
    return f"{abs(lat):.2f}°{'N' if lat >= 0 else 'S'} {abs(lon):.2f}°{'E' if lon >= 0 else 'W'}"
