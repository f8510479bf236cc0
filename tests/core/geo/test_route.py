"""The route: which way its legs go, how long they are, and where on it a tile lies."""

from __future__ import annotations

import itertools
import math

import pytest

from operator_tool.api import NoRouteError, PlanError, TileId
from operator_tool.geo.mercator import lat_deg_of, x_of, y_of
from operator_tool.geo.route import MAX_ROUTE_M, PIECE_M, Route, place_on_route, route_of
from tests.core.geo.flights import flight_of, zigzag


def _longest_piece_m(route: Route) -> float:
    return max(after - before for before, after in itertools.pairwise(route.along_m))


def test_pieces_are_short_and_end_at_the_waypoints() -> None:
    """Each piece is at most a kilometre, and each waypoint is a point of the route, unrounded."""
    route = route_of(flight_of((48.0, 11.0), (48.3, 11.4), (48.3, 11.41)))
    assert _longest_piece_m(route) <= PIECE_M * 1.005
    assert (route.x[0], route.y[0]) == (x_of(11.0), y_of(48.0))
    assert (x_of(11.4), y_of(48.3)) in list(zip(route.x, route.y, strict=True))
    assert (route.x[-1], route.y[-1]) == (x_of(11.41), y_of(48.3))
    assert list(route.waypoint) == [0] * (route.pieces - 1) + [1]


def test_length_is_in_true_metres() -> None:
    """One degree of the equator and of the meridian, and the geodesists' own baseline, have their known lengths."""
    assert route_of(flight_of((0.0, 10.0), (0.0, 11.0))).length_m == pytest.approx(111_319.491, abs=0.01)
    assert route_of(flight_of((44.5, 10.0), (45.5, 10.0))).length_m == pytest.approx(111_131.778, abs=0.05)
    flinders_peak, buninyong = (-37.951033417, 144.424867889), (-37.652821139, 143.926495528)
    assert route_of(flight_of(flinders_peak, buninyong)).length_m == pytest.approx(54_972.271, abs=0.05)


def test_a_long_leg_is_a_great_circle() -> None:
    """Halfway from 50° north to 50° north, 90° apart, the flight is at 59.3° north."""
    route = route_of(flight_of((50.0, -45.0), (50.0, 45.0)))
    expected_deg = math.degrees(math.atan(math.tan(math.radians(50.0)) / math.cos(math.radians(45.0))))
    assert lat_deg_of(min(route.y)) == pytest.approx(expected_deg, abs=1e-5)
    assert _longest_piece_m(route) <= PIECE_M * 1.005


@pytest.mark.parametrize(
    ("start_deg", "end_deg"), [(179.9, -179.9), (-179.9, 179.9), (180.0, -180.0), (-180.0, 179.99)]
)
def test_a_leg_takes_the_shorter_way_round(start_deg: float, end_deg: float) -> None:
    """Across the antimeridian the route has no jump, in either direction."""
    route = route_of(flight_of((10.0, start_deg), (10.0, end_deg)))
    assert max(route.x) - min(route.x) <= 0.2 / 360.0 + 1e-12
    assert route.length_m <= 22_000.0


def test_once_round_the_world_ends_where_it_began() -> None:
    """A flight eastwards round the world unwraps to a whole turn."""
    route = route_of(flight_of((0.0, 0.0), (0.0, 120.0), (0.0, -120.0), (0.0, 0.0)))
    assert route.x[-1] - route.x[0] == pytest.approx(1.0)
    assert route.length_m == pytest.approx(40_075_016.7, abs=1.0)


def test_one_waypoint_is_a_route_of_no_length() -> None:
    """A single point, and one that is repeated, are routes too."""
    single = route_of(flight_of((48.0, 11.0)))
    assert (single.pieces, single.length_m, list(single.waypoint)) == (1, 0.0, [0])
    assert route_of(flight_of((48.0, 11.0), (48.0, 11.0))).length_m == 0.0


def test_no_waypoint_is_refused() -> None:
    """Without a waypoint there is no route."""
    with pytest.raises(NoRouteError, match="flight-1 has no waypoint"):
        route_of(flight_of())


@pytest.mark.parametrize(
    "place", [(91.0, 0.0), (-90.1, 0.0), (0.0, 180.1), (math.nan, 0.0), (0.0, math.nan), (math.inf, 0.0)]
)
def test_a_coordinate_out_of_range_is_refused(place: tuple[float, float]) -> None:
    """What is not a place on the earth is refused by its waypoint, NaN too."""
    with pytest.raises(PlanError, match=r"waypoint 1 \(latitude .*\) is not a place on the earth"):
        route_of(flight_of((0.0, 0.0), place))


@pytest.mark.parametrize("lat_deg", [85.06, -85.06, 90.0, -90.0])
def test_a_waypoint_beyond_the_tiles_is_refused(lat_deg: float) -> None:
    """Near a pole there are no tiles; the message names the waypoint and its latitude."""
    with pytest.raises(PlanError, match=rf"waypoint 1 \(latitude {lat_deg},.* beyond latitude 85\.0511"):
        route_of(flight_of((80.0, 0.0), (lat_deg, 0.0)))


def test_a_leg_that_passes_the_pole_is_refused() -> None:
    """The shortest way between two places at 80° north can pass a pole; the message says which leg and how far."""
    with pytest.raises(PlanError, match=r"from waypoint 1 .* to waypoint 2 .* passes latitude 8\d\.\d+, beyond 85\.05"):
        route_of(flight_of((79.0, 0.0), (80.0, 0.0), (80.0, 175.0)))


def test_opposite_points_of_the_earth_are_refused() -> None:
    """Between opposite points no one way is the shortest."""
    with pytest.raises(PlanError, match=r"waypoint 0 .* and waypoint 1 .* lie on opposite sides"):
        route_of(flight_of((30.0, 10.0), (-30.0, -170.0)))


def test_an_endless_route_is_refused() -> None:
    """A route of a length that no drone flies is refused before it takes memory."""
    there_and_back = [(0.0, 0.0), (0.0, 170.0)] * 4
    with pytest.raises(PlanError, match=rf"longer than {MAX_ROUTE_M / 1000:,.0f} km at waypoint 6"):
        route_of(flight_of(*there_and_back))


def _nearest_by_trying_all(route: Route, tile: TileId) -> float:
    x, y = (tile.x + 0.5) / 2**tile.z, (tile.y + 0.5) / 2**tile.z
    best = math.inf
    for piece in range(route.pieces):
        for step in range(41):
            at = step / 40
            px = route.x[piece] + (route.x[piece + 1] - route.x[piece]) * at
            py = route.y[piece] + (route.y[piece + 1] - route.y[piece]) * at
            apart = abs(px - x) % 1.0
            best = min(best, math.hypot(min(apart, 1.0 - apart), py - y))
    return best


def test_a_tile_is_placed_where_the_route_is_nearest() -> None:
    """The place found is as near as any that trying the whole route finds."""
    route = route_of(zigzag(60, 12_000.0))
    for number in range(0, route.pieces, 17):
        shift = ((number * 7) % 11 - 5) * 2e-4
        tile = TileId(17, int((route.x[number] + shift) % 1.0 * 2**17), int((route.y[number] - shift) * 2**17))
        place = place_on_route(route, tile)
        before = max(i for i in range(route.pieces) if route.along_m[i] <= place.route_m)
        span_m = route.along_m[before + 1] - route.along_m[before]
        at = (place.route_m - route.along_m[before]) / span_m
        px = route.x[before] + (route.x[before + 1] - route.x[before]) * at
        py = route.y[before] + (route.y[before + 1] - route.y[before]) * at
        apart = abs(px - (tile.x + 0.5) / 2**17) % 1.0
        found = math.hypot(min(apart, 1.0 - apart), py - (tile.y + 0.5) / 2**17)
        assert found <= _nearest_by_trying_all(route, tile) + 1e-12
        # A waypoint itself is the end of one leg and the start of the next.
        assert place.waypoint in (route.waypoint[before], route.waypoint[before - 1] if at < 1e-9 else None)


def _place(route: Route, tile: TileId) -> tuple[float, int]:
    place = place_on_route(route, tile)
    return place.route_m, place.waypoint


def test_places_at_the_ends_and_on_a_single_point() -> None:
    """Before the start it is metre 0 of leg 0, after the end the whole length of the last leg."""
    route = route_of(flight_of((0.0, 10.0), (0.0, 10.1), (0.0, 10.2)))
    west, east = (TileId(15, int(x_of(lon_deg) * 2**15), 2**14) for lon_deg in (9.0, 11.0))
    assert _place(route, west) == (0.0, 0)
    assert _place(route, east) == (route.length_m, 1)
    assert _place(route_of(flight_of((0.0, 10.0))), east) == (0.0, 0)


def test_a_tile_on_the_far_side_of_the_antimeridian_is_near() -> None:
    """A tile at 179.9° west is placed on a route that ends at 179.9° east, not at its start."""
    route = route_of(flight_of((0.0, 178.0), (0.0, 179.0), (0.0, 179.9)))
    tile = TileId(15, int(x_of(-179.9) * 2**15), 2**14)
    assert _place(route, tile) == (route.length_m, 1)
