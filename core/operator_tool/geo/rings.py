"""Polygons in the Mercator square, checked, and with no jump at the antimeridian."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import msgspec

from operator_tool.api import GroundPolygon, Place, PlanError

from .mercator import LIMIT_DEG, x_of, y_of

_NEARLY = 1e-9
"""Rounding of a place in the square, with room to spare: 4 cm at the equator."""


class Ring(msgspec.Struct, frozen=True):
    """A closed line: its corners' places in the square, the first not repeated. ``x`` may lie beyond 0 to 1."""

    x: array[float]
    y: array[float]

    def moved(self, turns: float) -> Ring:
        """Return the same ring so many times round the world."""
        return self if not turns else Ring(array("d", [x + turns for x in self.x]), self.y)


Polygon = tuple[Ring, ...]
"""A filled polygon: what its first ring goes around, once or more often and in either direction, without what one of
its other rings, the holes, goes around in the same way. So a ring that overlaps itself is filled there."""


def polygon_of(polygon: GroundPolygon, name: str, *, near_x: float) -> Polygon:
    """Return the polygon, that many times round the world that it lies nearest to ``near_x``.

    Raises ``PlanError``, naming it, where ``ring_of`` does and for a corner beyond the latitudes that have tiles.
    """
    outer = ring_of(polygon.outer, name)
    for hole_or_outer in (polygon.outer, *polygon.holes):
        for lat_deg, _ in hole_or_outer:
            if abs(lat_deg) > LIMIT_DEG:
                raise PlanError(
                    f"{name} reaches latitude {lat_deg:.4f}, beyond {LIMIT_DEG:.4f}, where map tiles end",
                    hint="Map tiles don't reach the poles: draw the area without them.",
                )
    west, east = min(outer.x), max(outer.x)
    outer = outer.moved(round(near_x - (west + east) / 2.0))
    west = min(outer.x)
    holes = [ring_of(hole, f"a hole of {name}") for hole in polygon.holes]
    return (outer, *(hole.moved(math.ceil(west - min(hole.x) - _NEARLY)) for hole in holes))


def ring_of(places: Sequence[Place], name: str) -> Ring:
    """Return the ring through these places, each edge the short way across the antimeridian.

    Raises ``PlanError``, naming it, for fewer than three corners, a place that is not on the earth, and a ring around a
    pole.
    """
    if len(places) < 3:
        raise PlanError(f"{name} has {len(places)} corners; a polygon has at least 3", hint="Mend the polygon.")
    x, y = array("d"), array("d")
    for number, (lat_deg, lon_deg) in enumerate(places):
        if not (-90.0 <= lat_deg <= 90.0 and -180.0 <= lon_deg <= 180.0):
            raise PlanError(
                f"corner {number} of {name} (latitude {lat_deg}, longitude {lon_deg}) is not a place on the earth",
                hint="Mend its latitude and longitude.",
            )
        here = x_of(lon_deg)
        x.append(here + round(x[-1] - here) if x else here)
        y.append(y_of(lat_deg))
    if round(x[-1] - x[0]) != 0:
        raise PlanError(f"{name} goes around a pole", hint="Map tiles don't reach the poles: draw it without them.")
    return Ring(x, y)
