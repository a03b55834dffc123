"""Routes: lists of places."""

from distance import between


def length_km(places):
    return sum(between(a, b) for a, b in zip(places, places[1:]))
