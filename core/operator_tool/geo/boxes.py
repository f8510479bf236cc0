"""The box around all that is flown."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .capsules import ROUNDING_M, beyond_the_limit
from .flown import Piece
from .mercator import LIMIT_DEG, lat_deg_of, latitude_step_deg, metres_per_unit, y_of


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """All places between two longitudes and two latitudes, given in the Mercator square; ``east`` may exceed 1."""

    west: float
    north: float
    east: float
    south: float

    def extent(self) -> tuple[float, float, float, float]:
        """Return west, north, east, south in the square; east minus west is 1 or more where it goes all round."""
        return self.west, self.north, self.east, self.south


def box_around(pieces: Iterable[Piece], metres: float) -> Box:
    """Return the bounding box of the pieces and what is flown beside them, so many metres wider on each side.

    Each side lies at least that far from them, and at most 1 % farther. Raises ``PlanError`` when it would reach beyond
    the latitudes that have tiles.
    """
    metres += ROUNDING_M
    north_deg, south_deg = -90.0, 90.0
    by_width: dict[float, tuple[float, float]] = {}
    for piece in pieces:
        wider_m = metres + piece.beside_m
        for y in (piece.a_y, piece.b_y):
            lat_deg = lat_deg_of(y)
            north_deg = max(north_deg, lat_deg + latitude_step_deg(lat_deg, wider_m))
            south_deg = min(south_deg, lat_deg + latitude_step_deg(lat_deg, -wider_m))
            if max(north_deg, -south_deg) > LIMIT_DEG:
                raise beyond_the_limit(piece.name, lat_deg, lat_deg, wider_m - ROUNDING_M)
        west, east = by_width.get(wider_m, (piece.a_x, piece.a_x))
        by_width[wider_m] = min(west, piece.a_x, piece.b_x), max(east, piece.a_x, piece.b_x)
    x_m = metres_per_unit(max(north_deg, -south_deg))[0]
    return Box(
        west=min(west - wider_m / x_m for wider_m, (west, _) in by_width.items()),
        north=y_of(north_deg),
        east=max(east + wider_m / x_m for wider_m, (_, east) in by_width.items()),
        south=y_of(south_deg),
    )
