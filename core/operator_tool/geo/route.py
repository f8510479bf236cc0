"""A flight's route as a line in the Mercator square: great circles, cut into pieces short enough to be straight."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from operator_tool.api import Flight, NoRouteError, PlanError, TileId, Waypoint

from .great_circle import Direction, angle_between, direction_of, place_between
from .mercator import EARTH_RADIUS_M, LIMIT_DEG, lat_deg_of, metres_per_unit, x_of, y_of

PIECE_M = 1_000.0
"""The longest piece: its chord strays from the great circle by 2 cm at latitude 48 and by 22 cm at the limit."""
MAX_ROUTE_M = 100_000_000.0
"""The longest route, two and a half times round the earth: it bounds the pieces, and so memory and time."""

_NEARLY_OPPOSITE = math.pi - 1e-6
_BLOCK = 64


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The line through a flight's waypoints: piece ``i`` runs straight from point ``i`` to point ``i + 1``.

    There is at least one piece; a route of one waypoint has one of no length.
    """

    x: array[float]
    """The points west to east, with no jump at the antimeridian: see ``mercator``."""
    y: array[float]
    along_m: array[float]
    """Metres from the first waypoint to each point."""
    waypoint: array[int]
    """For each piece, the ordinal of the waypoint that its leg starts from."""
    blocks: tuple[tuple[float, float, float, float], ...]
    """West, north, east, south in the square of every 64 pieces, so that a place is found without trying them all."""

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return len(self.waypoint)

    @property
    def length_m(self) -> float:
        """Metres from the first waypoint to the last."""
        return self.along_m[-1]


class RoutePlace(msgspec.Struct, frozen=True):
    """A place on a route."""

    route_m: float
    """Metres from the first waypoint."""
    waypoint: int
    """The ordinal of the waypoint that this leg starts from."""
    distance: float = 0.0
    """How far away it was looked for from, in the Mercator square."""


class Stop(NamedTuple):
    """A place that a line goes through."""

    ordinal: int
    lat_deg: float
    lon_deg: float
    name: str
    """The words by which a message names it."""


def route_of(flight: Flight) -> Route:
    """Return the flight's route; each leg takes the shortest way, across the antimeridian where that is shorter.

    Raises ``NoRouteError`` without a waypoint, and ``PlanError`` for a coordinate out of range, a place or a leg beyond
    the latitudes that have tiles, a leg between opposite points of the earth, and more than ``MAX_ROUTE_M``.
    """
    if not flight.waypoints:
        raise NoRouteError(f"the flight {flight.id} has no waypoint")
    return route_through(
        Stop(waypoint.ordinal, waypoint.lat_deg, waypoint.lon_deg, place_name(waypoint))
        for waypoint in flight.waypoints
    )


def route_through(stops: Iterable[Stop]) -> Route:
    """Return the line through these stops, of which there must be one; it raises what ``route_of`` does."""
    line: _Line | None = None
    for stop in stops:
        refuse_unmappable(stop.lat_deg, stop.lon_deg, stop.name)
        if line is None:
            line = _Line(stop)
        else:
            line.add_leg(stop)
    if line is None:
        raise ValueError("a route goes through at least one stop")
    return line.route()


def place_on_route(route: Route, tile: TileId) -> RoutePlace:
    """Return the place on the route that is nearest to the tile's centre, as the map shows it."""
    side = 1 << tile.z
    x, y = (tile.x + 0.5) / side, (tile.y + 0.5) / side
    reach = sorted((_distance_to_block(x, y, block), number * _BLOCK) for number, block in enumerate(route.blocks))
    nearest = (math.inf, 0, 0.0)
    for at_least, first in reach:
        if at_least >= nearest[0]:
            break
        for piece in range(first, min(first + _BLOCK, route.pieces)):
            distance, fraction = _distance_to_piece(x, y, route, piece)
            if distance < nearest[0]:
                nearest = (distance, piece, fraction)
    distance, piece, fraction = nearest
    from_m, to_m = route.along_m[piece], route.along_m[piece + 1]
    return RoutePlace(from_m + (to_m - from_m) * fraction, route.waypoint[piece], distance)


class _Line:
    """A route while it grows, from waypoint to waypoint."""

    def __init__(self, first: Stop) -> None:
        self._last = first
        self._from = direction_of(first.lat_deg, first.lon_deg)
        self._x = array("d", [x_of(first.lon_deg)])
        self._y = array("d", [y_of(first.lat_deg)])
        self._along_m = array("d", [0.0])
        self._waypoint = array("I")

    def add_leg(self, to: Stop) -> None:
        start, end = self._from, direction_of(to.lat_deg, to.lon_deg)
        angle = angle_between(start, end)
        if angle > _NEARLY_OPPOSITE:
            raise PlanError(
                f"{self._last.name} and {to.name} lie on opposite sides of the earth, so that there is no one shortest "
                "way between them",
                hint="Add a waypoint between them that says which way the flight goes.",
            )
        if self._along_m[-1] + angle * EARTH_RADIUS_M > MAX_ROUTE_M:
            raise PlanError(
                f"the route is longer than {MAX_ROUTE_M / 1000:,.0f} km at {to.name}",
                hint="Check the waypoints' latitudes and longitudes, or split the flight.",
            )
        self._cut(to, start, end, angle)
        self._add_piece(x_of(to.lon_deg), y_of(to.lat_deg))
        self._last, self._from = to, end

    def route(self) -> Route:
        if not self._waypoint:
            self._add_piece(self._x[0], self._y[0])
        x, y = self._x, self._y
        slices = [slice(first, first + _BLOCK + 1) for first in range(0, len(self._waypoint), _BLOCK)]
        return Route(
            x=x,
            y=y,
            along_m=self._along_m,
            waypoint=self._waypoint,
            blocks=tuple((min(x[one]), min(y[one]), max(x[one]), max(y[one])) for one in slices),
        )

    def _cut(self, to: Stop, start: Direction, end: Direction, angle: float) -> None:
        count = math.ceil(angle * EARTH_RADIUS_M / PIECE_M)
        for step in range(1, count):
            lat_deg, lon_deg = place_between(start, end, angle, step / count)
            if not -LIMIT_DEG <= lat_deg <= LIMIT_DEG:
                raise PlanError(
                    f"the shortest way from {self._last.name} to {to.name} passes latitude {lat_deg:.4f}, beyond "
                    f"{LIMIT_DEG:.4f}, where map tiles end",
                    hint="Map tiles don't reach the poles: add waypoints that lead the flight around.",
                )
            self._add_piece(x_of(lon_deg), y_of(lat_deg))

    def _add_piece(self, x: float, y: float) -> None:
        last_x, last_y = self._x[-1], self._y[-1]
        x += round(last_x - x)
        x_m, y_m = metres_per_unit(lat_deg_of((y + last_y) / 2.0))
        self._along_m.append(self._along_m[-1] + math.hypot((x - last_x) * x_m, (y - last_y) * y_m))
        self._x.append(x)
        self._y.append(y)
        self._waypoint.append(self._last.ordinal)


def place_name(waypoint: Waypoint) -> str:
    """Return the words by which a message names a waypoint."""
    return f"waypoint {waypoint.ordinal} (latitude {waypoint.lat_deg}, longitude {waypoint.lon_deg})"


def refuse_unmappable(lat_deg: float, lon_deg: float, name: str) -> None:
    """Raise ``PlanError`` for a place that is not on the earth, or that no map tile shows."""
    if not (-90.0 <= lat_deg <= 90.0 and -180.0 <= lon_deg <= 180.0):
        raise PlanError(f"{name} is not a place on the earth", hint="Mend its latitude and longitude.")
    if not -LIMIT_DEG <= lat_deg <= LIMIT_DEG:
        raise PlanError(
            f"{name} lies beyond latitude {LIMIT_DEG:.4f}, where map tiles end",
            hint="Map tiles don't reach the poles: no cache can be built for this flight.",
        )


def _distance_to_block(x: float, y: float, block: tuple[float, float, float, float]) -> float:
    """Return a distance in the square that no piece of the block is nearer than."""
    west, north, east, south = block
    x += round((west + east) / 2.0 - x)
    return math.hypot(max(west - x, 0.0, x - east), max(north - y, 0.0, y - south))


def _distance_to_piece(x: float, y: float, route: Route, piece: int) -> tuple[float, float]:
    """Return the distance in the square to a piece, and the fraction of the piece at which it is nearest."""
    from_x, from_y = route.x[piece], route.y[piece]
    along_x, along_y = route.x[piece + 1] - from_x, route.y[piece + 1] - from_y
    x += round(from_x + along_x / 2.0 - x)
    squared = along_x * along_x + along_y * along_y
    fraction = ((x - from_x) * along_x + (y - from_y) * along_y) / squared if squared else 0.0
    fraction = min(max(fraction, 0.0), 1.0)
    return math.hypot(x - from_x - fraction * along_x, y - from_y - fraction * along_y), fraction
