"""One row is `STATION,DAY,VALUE`."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    station: str
    day: datetime.date
    value: float


def parse(row):
    """Raises ValueError with a reason."""
    fields = [field.strip() for field in row.split(",")]
    if len(fields) != 3:
        raise ValueError(f"{len(fields)} fields, not 3")
    station, day, value = fields
    if not station:
        raise ValueError("no station")
    return Measurement(station, datetime.date.fromisoformat(day), float(value))
