"""Distances on the earth."""

import math

RADIUS_KM = 6371.0


def between(a, b):
    """Returns the distance of two (latitude, longitude) pairs in kilometres."""
    return math.hypot(a[0] - b[0], a[1] - b[1]) * RADIUS_KM * math.pi / 180
