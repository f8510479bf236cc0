"""Great circles as unit vectors: the angle between two places, and the places between them."""

from __future__ import annotations

import math

Direction = tuple[float, float, float]
"""A place on the earth as a unit vector from its centre."""


def direction_of(lat_deg: float, lon_deg: float) -> Direction:
    """Return the unit vector of a place."""
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def angle_between(a: Direction, b: Direction) -> float:
    """Return the angle in radians, right for tiny ones and for nearly opposite ones too."""
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return math.atan2(math.hypot(*cross), a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def place_between(a: Direction, b: Direction, angle: float, fraction: float) -> tuple[float, float]:
    """Return latitude and longitude, in degrees, of the place at this fraction of the way; ``angle`` is between them.

    The two must be neither equal nor opposite.
    """
    from_a, from_b = math.sin((1.0 - fraction) * angle), math.sin(fraction * angle)
    x = from_a * a[0] + from_b * b[0]
    y = from_a * a[1] + from_b * b[1]
    z = from_a * a[2] + from_b * b[2]
    return math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))
