"""Shipping prices in cents, see TARIFF.md."""

import datetime

CLASSES = ((500, 290), (1_000, 390), (5_000, 590), (10_000, 890), (31_500, 1_690))
ISLAND_SURCHARGE = 1_350


class Refused(ValueError):
    """This parcel cannot be sent."""


def today():
    return datetime.date.today()


def price(grams, postcode):
    for limit, cents in CLASSES:
        if grams < limit:
            break
    if "25845" <= postcode <= "25869":
        cents += ISLAND_SURCHARGE
    return cents
