"""Where the drone flies, as pieces that are straight on the map: legs, circles, the ways home, the rims of areas."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from operator_tool.api import Flight, Place, PlanError

from .great_circle import angle_between, direction_of
from .mercator import EARTH_RADIUS_M, lat_deg_of, x_of, y_of
from .rings import Polygon
from .route import MAX_ROUTE_M, PIECE_M, Route, Stop, place_name, refuse_unmappable, route_through

HOME_WITHIN_M = 20_000.0
"""A home farther than this from the first waypoint is a simulator's or an old plan's, and is not flown from."""
MAX_BESIDE_M = 1_000_000.0
"""The largest circle and the largest margin."""

_LATITUDE_DEGREE_M = 111_700.0
"""The longest degree of latitude, at the poles."""


class Piece(NamedTuple):
    """A straight line in the square that is flown, or the rim of what is."""

    a_x: float
    a_y: float
    b_x: float
    b_y: float
    beside_m: float
    """How far beside it is flown too: a circle's radius, an area's margin."""
    great_circle_m: float
    """Its length where it stands for a great circle, which strays from it; 0 for one that is straight on the map."""
    name: str
    """The words by which a message names it."""


def legs_of(route: Route) -> Iterator[Piece]:
    """Yield the pieces of a route; each is named by the waypoint that its leg starts from."""
    x, y, along_m = route.x, route.y, route.along_m
    for i, waypoint in enumerate(route.waypoint):
        length_m = along_m[i + 1] - along_m[i]
        yield Piece(x[i], y[i], x[i + 1], y[i + 1], 0.0, length_m, f"the leg from waypoint {waypoint}")


def circles_of(flight: Flight, route: Route) -> Iterator[Piece]:
    """Yield a piece of no length at each waypoint that the drone circles about."""
    last_x = route.x[0]
    for waypoint in flight.waypoints:
        x, y = x_of(waypoint.lon_deg), y_of(waypoint.lat_deg)
        x += round(last_x - x)
        last_x = x
        if waypoint.loiter_radius_m:
            name = f"the circle about waypoint {waypoint.ordinal}"
            yield Piece(x, y, x, y, checked_m(waypoint.loiter_radius_m, name), 0.0, name)


def home_legs_of(flight: Flight, route: Route) -> Iterator[Piece]:
    """Yield the way from home to the first waypoint and, where the flight says so, the one back from the last.

    Home is where ``home_of`` says that it is; where that is unknown, back means to the first waypoint. A way of no
    length is left out.
    """
    first, last = (
        Stop(one.ordinal, one.lat_deg, one.lon_deg, place_name(one))
        for one in (flight.waypoints[0], flight.waypoints[-1])
    )
    place = home_of(flight)
    home = first if place is None else Stop(first.ordinal, *place, "home")
    ways = [("the way from home", home, first)]
    if flight.returns_home:
        ways.append(("the way back home", last, home))
    for name, start, end in ways:
        if (start.lat_deg, start.lon_deg) != (end.lat_deg, end.lon_deg):
            way = route_through((start, end))
            turns = round(route.x[0] - way.x[0])
            for piece in legs_of(way):
                yield piece._replace(a_x=piece.a_x + turns, b_x=piece.b_x + turns, name=name)


def home_of(flight: Flight) -> Place | None:
    """Return the place that the drone takes off from where the flight knows it: see ``home_distance_m``."""
    distance_m = home_distance_m(flight)
    if flight.home is None or distance_m is None or distance_m > HOME_WITHIN_M:
        return None
    return flight.home.lat_deg, flight.home.lon_deg


def home_distance_m(flight: Flight) -> float | None:
    """Return how far the flight's home is from its first waypoint; None without a home.

    Raises ``PlanError`` for a home that is not on the earth, or near a pole.
    """
    home, first = flight.home, flight.waypoints[0]
    if home is None:
        return None
    refuse_unmappable(home.lat_deg, home.lon_deg, f"home (latitude {home.lat_deg}, longitude {home.lon_deg})")
    at_home, at_first = (direction_of(one.lat_deg, one.lon_deg) for one in (home, first))
    return angle_between(at_home, at_first) * EARTH_RADIUS_M


def rims_of(polygons: Sequence[tuple[Polygon, float, str]]) -> Iterator[Piece]:
    """Yield the edges of polygons, each given with its margin and its name, cut so that no piece spans more than a
    kilometre of latitude: what lengths are on the map depends on nothing else.

    Raises ``PlanError`` where an edge count of that kind would be endless.
    """
    northwards_m = 0.0
    for rings, margin_m, name in polygons:
        for ring in rings:
            corners = list(zip(ring.x, ring.y, strict=True))
            for (a_x, a_y), (b_x, b_y) in pairwise((*corners, corners[0])):
                edge_m = abs(lat_deg_of(a_y) - lat_deg_of(b_y)) * _LATITUDE_DEGREE_M
                northwards_m += edge_m
                if northwards_m > MAX_ROUTE_M:
                    raise PlanError(
                        f"the rims of the areas are longer than {MAX_ROUTE_M / 1000:,.0f} km at {name}",
                        hint="Check the corners' latitudes and longitudes, or leave areas out.",
                    )
                count = max(math.ceil(edge_m / PIECE_M), 1)
                for step in range(count):
                    start, end = step / count, (step + 1) / count
                    yield Piece(
                        a_x + (b_x - a_x) * start,
                        a_y + (b_y - a_y) * start,
                        b_x if step == count - 1 else a_x + (b_x - a_x) * end,
                        b_y if step == count - 1 else a_y + (b_y - a_y) * end,
                        margin_m,
                        0.0,
                        name,
                    )


def checked_m(metres: float, name: str) -> float:
    """Return these metres. Raises ``PlanError``, naming what has them, where they make no sense."""
    if not 0.0 <= metres <= MAX_BESIDE_M:
        raise PlanError(
            f"{name} is {metres:g} m wide; expected 0 to {MAX_BESIDE_M:,.0f}", hint="Mend its radius or its margin."
        )
    return metres
