"""Capsules: all places within some metres of a straight line on the map, as many as a flight has pieces."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator

import msgspec

from operator_tool.api import PlanError

from .flown import Piece
from .mercator import EARTH_RADIUS_M, LIMIT_DEG, lat_deg_of, latitude_step_deg, metres_per_unit

ROUNDING_M = 0.001
"""Added to every reach, so that rounding never costs a tile."""


class Capsule(msgspec.Struct, frozen=True):
    """All places within ``reach_m`` of the straight line from ``a`` to ``b``, both in the Mercator square.

    Lengths inside it are measured by one scale east-west and one north-south, those of its poleward end. It reaches as
    much farther than asked as the great circle can stray from the line, and 1 mm for rounding. So it holds every place
    within true metres of what is flown; for 500 m it exceeds them by less than 0.2 m up to latitude 50 and by less than
    3 m at the limit.
    """

    a_x: float
    a_y: float
    b_x: float
    b_y: float
    x_m: float
    """Metres that one unit of ``x`` is."""
    y_m: float
    reach_m: float


class Capsules:
    """Capsules as seven arrays of numbers: 56 bytes each."""

    def __init__(self, pieces: Iterable[Piece] = (), metres: float = 0.0) -> None:
        self._a_x, self._a_y, self._b_x, self._b_y = array("d"), array("d"), array("d"), array("d")
        self._x_m, self._y_m, self._reach_m = array("d"), array("d"), array("d")
        for piece in pieces:
            self.add(piece, metres)

    def add(self, piece: Piece, metres: float) -> None:
        """Add the capsule that reaches so many metres beyond what is flown about this piece.

        Raises ``PlanError`` when it would reach beyond the latitudes that have tiles.
        """
        metres += piece.beside_m
        north_deg, south_deg = lat_deg_of(piece.a_y), lat_deg_of(piece.b_y)
        if north_deg < south_deg:
            north_deg, south_deg = south_deg, north_deg
        widest_m = metres + _stray_m(piece.great_circle_m, LIMIT_DEG) + ROUNDING_M
        poleward_deg = max(
            north_deg + latitude_step_deg(north_deg, widest_m), -(south_deg + latitude_step_deg(south_deg, -widest_m))
        )
        if poleward_deg > LIMIT_DEG:
            raise beyond_the_limit(piece.name, north_deg, south_deg, metres)
        x_m, y_m = metres_per_unit(poleward_deg)
        self._a_x.append(piece.a_x)
        self._a_y.append(piece.a_y)
        self._b_x.append(piece.b_x)
        self._b_y.append(piece.b_y)
        self._x_m.append(x_m)
        self._y_m.append(y_m)
        self._reach_m.append(metres + _stray_m(piece.great_circle_m, poleward_deg) + ROUNDING_M)

    def __len__(self) -> int:
        return len(self._reach_m)

    def __getitem__(self, number: int) -> Capsule:
        i = number
        return Capsule(
            self._a_x[i], self._a_y[i], self._b_x[i], self._b_y[i], self._x_m[i], self._y_m[i], self._reach_m[i]
        )

    def __iter__(self) -> Iterator[Capsule]:
        return map(self.__getitem__, range(len(self)))

    def north_y(self, number: int) -> float:
        """Return the northern end in the square of one capsule."""
        return min(self._a_y[number], self._b_y[number]) - self._reach_m[number] / self._y_m[number]

    def extents(self) -> Iterator[tuple[float, float, float, float]]:
        """Yield west, north, east and south in the square of each."""
        for one in self:
            wider, higher = one.reach_m / one.x_m, one.reach_m / one.y_m
            yield (
                min(one.a_x, one.b_x) - wider,
                min(one.a_y, one.b_y) - higher,
                max(one.a_x, one.b_x) + wider,
                max(one.a_y, one.b_y) + higher,
            )


def beyond_the_limit(name: str, north_deg: float, south_deg: float, metres: float) -> PlanError:
    """Return the error for what is within these latitudes and reaches, metres wider, beyond where map tiles end."""
    lat_deg = north_deg if north_deg > -south_deg else south_deg
    return PlanError(
        f"{name} reaches latitude {lat_deg:.4f}; {metres:g} m more go beyond {LIMIT_DEG:.4f}, where map tiles end",
        hint="Map tiles don't reach the poles: ask for fewer metres, or keep the flight away from there.",
    )


def _stray_m(length_m: float, lat_deg: float) -> float:
    """Return how far a great circle can be from the straight line on the map between two of its points: at most the
    sagitta of an arc with the rhumb line's geodesic curvature, which is tan(latitude) / radius."""
    return length_m * length_m * math.tan(math.radians(lat_deg)) / (8.0 * EARTH_RADIUS_M)
