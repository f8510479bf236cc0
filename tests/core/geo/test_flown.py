"""Where the drone flies: circles, and the ways from home and back."""

from __future__ import annotations

import math

import msgspec
import pytest

from operator_tool.api import AreaRequest, Flight, HomePosition, PlanError
from operator_tool.geo.area import Ground, area_of
from operator_tool.geo.route import route_of
from tests.core.geo.flights import flight_of

_FLIGHT = flight_of((48.0, 11.0), (48.05, 11.0))


def _ground(flight: Flight, *, home_legs: bool = True) -> Ground:
    return area_of(flight, route_of(flight), AreaRequest(metres=100.0, home_legs=home_legs))


def _with(**changes: object) -> Flight:
    changed: Flight = msgspec.structs.replace(_FLIGHT, **changes)
    return changed


def _home(lat_deg: float, lon_deg: float) -> HomePosition:
    return HomePosition(lat_deg=lat_deg, lon_deg=lon_deg)


def test_home_at_the_first_waypoint_adds_nothing() -> None:
    """A way of no length is no way; the way back from the last waypoint is one, where the flight has it."""
    alone = len(_ground(_FLIGHT).strokes)
    assert len(_ground(_with(home=_home(48.0, 11.0))).strokes) == alone
    assert len(_ground(_with(home=_home(48.0, 11.0), returns_home=True)).strokes) > alone
    assert len(_ground(_with(home=_home(47.99, 11.0))).strokes) > alone
    assert len(_ground(_with(home=_home(47.99, 11.0), returns_home=True), home_legs=False).strokes) == alone


def test_without_a_home_the_way_back_leads_to_the_first_waypoint() -> None:
    """Where home is unknown the drone is taken to have started at the first waypoint."""
    known, unknown = _ground(_with(home=_home(48.0, 11.0), returns_home=True)), _ground(_with(returns_home=True))
    assert list(known.capsules()) == list(unknown.capsules())


def test_a_home_far_away_is_left_out_with_a_note() -> None:
    """A home beyond 20 km is a simulator's default: the way from it is not flown, and the note says how far it is."""
    near, far = _ground(_with(home=_home(48.17, 11.0))), _ground(_with(home=_home(48.19, 11.0)))
    assert not near.notes
    assert near.extent()[1] < far.extent()[1]
    (note,) = far.notes
    assert note.startswith("Home is 21 km away from the first waypoint: it is taken for a default, and the ways ")
    assert far.extent() == _ground(_FLIGHT).extent()
    assert not _ground(_with(home=_home(48.19, 11.0)), home_legs=False).notes


def test_a_home_across_180_is_near() -> None:
    """The way from a home on the other side of the antimeridian is the short one."""
    flight = msgspec.structs.replace(flight_of((10.0, -179.99)), home=_home(10.0, 179.99))
    west, _, east, _ = _ground(flight).extent()
    assert east - west < 0.001


@pytest.mark.parametrize(
    ("lat_deg", "expected"), [(86.0, "beyond latitude"), (math.nan, "is not a place on the earth")]
)
def test_a_home_that_no_tile_shows_is_refused(lat_deg: float, expected: str) -> None:
    """Home is named with its place; where its ways are not wanted it does no harm."""
    flight = _with(home=_home(lat_deg, 11.0))
    with pytest.raises(PlanError, match=rf"home \(latitude {lat_deg}, longitude 11\.0\) .*{expected}"):
        _ground(flight)
    assert _ground(flight, home_legs=False).extent()


@pytest.mark.parametrize("radius_m", [-30.0, math.nan, math.inf])
def test_a_circle_that_makes_no_sense_is_refused(radius_m: float) -> None:
    """A radius is a number of metres from 0 on."""
    circling = msgspec.structs.replace(_FLIGHT.waypoints[1], loiter_radius_m=radius_m)
    with pytest.raises(PlanError, match="the circle about waypoint 1 is "):
        _ground(_with(waypoints=(_FLIGHT.waypoints[0], circling)))


def test_a_circle_that_goes_beyond_the_tiles_is_refused() -> None:
    """The waypoint is on the map, and its circle isn't."""
    flight = flight_of((85.04, 0.0))
    circling = msgspec.structs.replace(flight.waypoints[0], loiter_radius_m=1_200.0)
    assert _ground(flight).extent()
    with pytest.raises(PlanError, match=r"the circle about waypoint 0 reaches latitude 85\.0400; 1300 m more"):
        _ground(msgspec.structs.replace(flight, waypoints=(circling,)))
