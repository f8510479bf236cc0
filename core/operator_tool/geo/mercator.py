"""Web Mercator (EPSG:3857) as the unit square, and the true lengths that go with it.

``x`` runs from 0 at 180° west to 1 at 180° east, and goes on beyond so that a route across the antimeridian has no
jump in it; ``y`` runs from 0 at the northern limit to 1 at the southern one. At zoom z the tile
``(floor(x * 2**z) mod 2**z, floor(y * 2**z))`` holds the point: a tile owns its west and north edges, the other two are
its neighbours'.

Lengths are true metres on the WGS 84 ellipsoid: on the sphere that the projection pretends they are up to 0.7 % off.
"""

from __future__ import annotations

import math

from operator_tool.api import TileId

EARTH_RADIUS_M = 6_378_137.0
"""WGS 84's semi-major axis, which is also the radius of Web Mercator's sphere."""
_ECCENTRICITY_SQUARED = 6.694_379_990_141e-3

LIMIT_DEG = math.degrees(math.atan(math.sinh(math.pi)))
"""The latitude at which the square ends, and with it every tile: 85.0511°."""


def x_of(lon_deg: float) -> float:
    """Return the place in the square, west to east, of a longitude."""
    return lon_deg / 360.0 + 0.5


def y_of(lat_deg: float) -> float:
    """Return the place in the square, north to south, of a latitude; outside of 0 to 1 beyond ``LIMIT_DEG``."""
    return 0.5 - math.asinh(math.tan(math.radians(lat_deg))) / math.tau


def lon_deg_of(x: float) -> float:
    """Return the longitude of a place in the square, in ``[-180, 180)`` however often ``x`` went round."""
    return (x - math.floor(x)) * 360.0 - 180.0


def lat_deg_of(y: float) -> float:
    """Return the latitude of a place in the square."""
    return math.degrees(math.atan(math.sinh(math.pi * (1.0 - 2.0 * y))))


def tile_bounds_deg(tile: TileId) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a tile; the last tile of a row ends at 180, not at -180."""
    side = 1 << tile.z
    return (
        tile.x / side * 360.0 - 180.0,
        lat_deg_of((tile.y + 1) / side),
        (tile.x + 1) / side * 360.0 - 180.0,
        lat_deg_of(tile.y / side),
    )


def metres_per_unit(lat_deg: float) -> tuple[float, float]:
    """Return how many metres one unit of ``x`` and one unit of ``y`` are at a latitude.

    Both shrink towards the poles: measured with the values of its poleward end, no length is overstated.
    """
    lat = math.radians(lat_deg)
    circle = math.tau * math.cos(lat)
    prime_vertical_m, meridian_m = _radii_of_curvature_m(lat)
    return circle * prime_vertical_m, circle * meridian_m


def latitude_step_deg(lat_deg: float, metres: float) -> float:
    """Return how far north (negative: south) at least ``metres`` lead from a latitude, at most 1 % too far."""
    far_deg = lat_deg + math.degrees(metres / _SMALLEST_RADIUS_M)
    flattest_deg = 0.0 if lat_deg * far_deg < 0.0 else min(abs(lat_deg), abs(far_deg), 90.0)
    return math.degrees(metres / _radii_of_curvature_m(math.radians(flattest_deg))[1])


def _radii_of_curvature_m(lat: float) -> tuple[float, float]:
    """Return the ellipsoid's radii of curvature east-west (in the prime vertical) and north-south (in the meridian)."""
    w_squared = 1.0 - _ECCENTRICITY_SQUARED * math.sin(lat) ** 2
    prime_vertical_m = EARTH_RADIUS_M / math.sqrt(w_squared)
    return prime_vertical_m, prime_vertical_m * (1.0 - _ECCENTRICITY_SQUARED) / w_squared


_SMALLEST_RADIUS_M = _radii_of_curvature_m(0.0)[1]
