"""The ground that a flight needs: everything near its route, or its bounding box.

Both are exact shapes in the Mercator square, stated here; ``coverage`` finds the tiles that they touch.
"""

from __future__ import annotations

import math
from array import array

import msgspec

from operator_tool.api import AreaKind, AreaRequest, PlanError

from .mercator import EARTH_RADIUS_M, LIMIT_DEG, lat_deg_of, latitude_step_deg, metres_per_unit, y_of
from .route import Route

MAX_METRES = 1_000_000.0
"""The most that an area may reach beyond the route: 1,000 km."""

_ROUNDING_M = 0.001
"""Added to every reach, so that rounding never costs a tile."""


class Capsule(msgspec.Struct, frozen=True):
    """All places within ``reach_m`` of the straight line from ``a`` to ``b``, both in the Mercator square.

    Lengths inside it are measured by one scale east-west and one north-south, those of its poleward end.
    """

    a_x: float
    a_y: float
    b_x: float
    b_y: float
    x_m: float
    """Metres that one unit of ``x`` is."""
    y_m: float
    reach_m: float


class Corridor(msgspec.Struct, frozen=True, kw_only=True):
    """All places within ``metres`` of the route, on either side: the union of one capsule around each piece.

    A capsule reaches as much farther as the great circle can stray from the piece, and 1 mm for rounding. So the
    corridor holds every place within ``metres`` true metres of the route; for 500 m it exceeds them by less than 0.2 m
    up to latitude 50 and by less than 3 m at the limit.
    """

    route: Route
    metres: float
    x_m: array[float]
    """The scales and the reach of each piece's capsule."""
    y_m: array[float]
    reach_m: array[float]

    def capsule(self, piece: int) -> Capsule:
        """Return the capsule around one piece of the route."""
        x, y = self.route.x, self.route.y
        return Capsule(
            x[piece], y[piece], x[piece + 1], y[piece + 1], self.x_m[piece], self.y_m[piece], self.reach_m[piece]
        )

    def extent(self) -> tuple[float, float, float, float]:
        """Return west, north, east, south in the square; east minus west is 1 or more where it goes all round."""
        x, y, pieces = self.route.x, self.route.y, range(self.route.pieces)
        return (
            min(min(x[i], x[i + 1]) - self.reach_m[i] / self.x_m[i] for i in pieces),
            min(self.north_y(i) for i in pieces),
            max(max(x[i], x[i + 1]) + self.reach_m[i] / self.x_m[i] for i in pieces),
            max(max(y[i], y[i + 1]) + self.reach_m[i] / self.y_m[i] for i in pieces),
        )

    def north_y(self, piece: int) -> float:
        """Return the northern end in the square of a piece's capsule."""
        y = self.route.y
        return min(y[piece], y[piece + 1]) - self.reach_m[piece] / self.y_m[piece]


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """All places between two longitudes and two latitudes, given in the Mercator square; ``east`` may exceed 1."""

    west: float
    north: float
    east: float
    south: float

    def extent(self) -> tuple[float, float, float, float]:
        """Return west, north, east, south in the square; east minus west is 1 or more where it goes all round."""
        return self.west, self.north, self.east, self.south


Area = Corridor | Box


def area_of(route: Route, request: AreaRequest) -> Area:
    """Return the ground that is asked for around the route.

    Raises ``PlanError`` when its metres make no sense, or when it reaches beyond the latitudes that have tiles.
    """
    option = f"--{request.kind.value}"
    if not 0.0 < request.metres <= MAX_METRES:
        raise PlanError(
            f"{option} {request.metres:g}: it must be more than 0 and at most {MAX_METRES:,.0f} metres",
            hint=f"Pass {option} METRES, such as {option} 500.",
        )
    if request.kind is AreaKind.BOX:
        return _box(route, request.metres)
    return _corridor(route, request.metres)


def _corridor(route: Route, metres: float) -> Corridor:
    x_scales, y_scales, reaches = array("d"), array("d"), array("d")
    for piece in range(route.pieces):
        north_deg, south_deg = lat_deg_of(route.y[piece]), lat_deg_of(route.y[piece + 1])
        if north_deg < south_deg:
            north_deg, south_deg = south_deg, north_deg
        length_m = route.along_m[piece + 1] - route.along_m[piece]
        widest_m = metres + _stray_m(length_m, LIMIT_DEG) + _ROUNDING_M
        poleward_deg = max(
            north_deg + latitude_step_deg(north_deg, widest_m), -(south_deg + latitude_step_deg(south_deg, -widest_m))
        )
        if poleward_deg > LIMIT_DEG:
            raise _beyond_the_limit(f"the leg from waypoint {route.waypoint[piece]}", north_deg, south_deg, metres)
        x_m, y_m = metres_per_unit(poleward_deg)
        x_scales.append(x_m)
        y_scales.append(y_m)
        reaches.append(metres + _stray_m(length_m, poleward_deg) + _ROUNDING_M)
    return Corridor(route=route, metres=metres, x_m=x_scales, y_m=y_scales, reach_m=reaches)


def _box(route: Route, metres: float) -> Box:
    north_y, south_y = min(route.y), max(route.y)
    grown_m = metres + _ROUNDING_M
    north_deg, south_deg = lat_deg_of(north_y), lat_deg_of(south_y)
    north_deg += latitude_step_deg(north_deg, grown_m)
    south_deg += latitude_step_deg(south_deg, -grown_m)
    poleward_deg = max(north_deg, -south_deg)
    if poleward_deg > LIMIT_DEG:
        farthest = route.y.index(north_y if north_deg == poleward_deg else south_y)
        leg = f"the leg from waypoint {route.waypoint[max(farthest - 1, 0)]}"
        raise _beyond_the_limit(leg, lat_deg_of(north_y), lat_deg_of(south_y), metres)
    wider = grown_m / metres_per_unit(poleward_deg)[0]
    return Box(west=min(route.x) - wider, north=y_of(north_deg), east=max(route.x) + wider, south=y_of(south_deg))


def _stray_m(length_m: float, lat_deg: float) -> float:
    """Return how far a great circle can be from the straight line on the map between two of its points: at most the
    sagitta of an arc with the rhumb line's geodesic curvature, which is tan(latitude) / radius."""
    return length_m * length_m * math.tan(math.radians(lat_deg)) / (8.0 * EARTH_RADIUS_M)


def _beyond_the_limit(leg: str, north_deg: float, south_deg: float, metres: float) -> PlanError:
    lat_deg = north_deg if north_deg > -south_deg else south_deg
    return PlanError(
        f"{leg} reaches latitude {lat_deg:.4f}; {metres:g} m more go beyond {LIMIT_DEG:.4f}, where map tiles end",
        hint="Map tiles don't reach the poles: ask for fewer metres, or keep the flight away from there.",
    )
