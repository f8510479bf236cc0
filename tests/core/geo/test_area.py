"""The shapes of the ground that a flight needs."""

from __future__ import annotations

import math

import msgspec
import pytest

from operator_tool.api import AreaKind, AreaRequest, Flight, GroundPolygon, HomePosition, PlanError
from operator_tool.geo.area import Ground, area_of
from operator_tool.geo.mercator import lat_deg_of, lon_deg_of
from operator_tool.geo.route import route_of
from tests.core.geo.ellipsoid import degree_lengths_m
from tests.core.geo.flights import flight_of


def _ground(flight: Flight, request: AreaRequest) -> Ground:
    return area_of(flight, route_of(flight), request)


@pytest.mark.parametrize("kind", list(AreaKind))
@pytest.mark.parametrize("metres", [-0.001, -1.0, math.nan, math.inf, -math.inf, 1_000_001.0])
def test_metres_that_make_no_sense_are_refused(kind: AreaKind, metres: float) -> None:
    """Less than nothing, NaN, infinity and a continent are no width; the option is named."""
    with pytest.raises(PlanError, match=rf"--{kind.value} .*at least 0 and at most 1,000,000 metres") as caught:
        _ground(flight_of((48.0, 11.0)), AreaRequest(kind=kind, metres=metres))
    assert f"--{kind.value} 500" in caught.value.hint


@pytest.mark.parametrize("kind", list(AreaKind))
@pytest.mark.parametrize("lat_deg", [85.05, -85.05])
def test_an_area_that_reaches_beyond_the_tiles_is_refused(kind: AreaKind, lat_deg: float) -> None:
    """The waypoint may still be on the map while its surroundings are not: its leg and latitude are named."""
    flight = flight_of((lat_deg * 0.99, 0.0), (lat_deg * 0.995, 0.0), (lat_deg, 0.0))
    assert _ground(flight, AreaRequest(kind=kind, metres=50.0)).extent()
    with pytest.raises(PlanError, match=rf"the leg from waypoint 1 reaches latitude {lat_deg:.4f}; 500 m more"):
        _ground(flight, AreaRequest(kind=kind, metres=500.0))


def test_a_box_is_the_bounding_box_grown_on_each_side() -> None:
    """Each side of the box lies the asked metres, or at most 1 % more, beyond the route's bounding box."""
    flight = flight_of((48.0, 11.0), (48.2, 11.3), (48.1, 11.1))
    (box,) = _ground(flight, AreaRequest(kind=AreaKind.BOX, metres=1000.0)).boxes
    north_m = degree_lengths_m(48.2)[0] * (lat_deg_of(box.north) - 48.2)
    south_m = degree_lengths_m(48.0)[0] * (48.0 - lat_deg_of(box.south))
    west_m, east_m = (degree_lengths_m(48.2)[1] * d for d in (11.0 - lon_deg_of(box.west), lon_deg_of(box.east) - 11.3))
    assert all(1000.0 <= side_m <= 1001.0 for side_m in (north_m, south_m, west_m, east_m))


def test_a_box_reaches_around_circles_areas_and_home() -> None:
    """On each side the box is as far as the farthest of what is flown there, and its metres and the footprint more."""
    flight = msgspec.structs.replace(
        flight_of((48.0, 11.0), (48.2, 11.3)),
        areas=(GroundPolygon(outer=((48.1, 11.4), (48.15, 11.45), (48.1, 11.45)), margin_m=300.0),),
        home=HomePosition(lat_deg=47.9, lon_deg=11.1),
    )
    circling = msgspec.structs.replace(flight.waypoints[1], loiter_radius_m=700.0)
    flight = msgspec.structs.replace(flight, waypoints=(flight.waypoints[0], circling))
    request = AreaRequest(kind=AreaKind.BOX, metres=900.0, footprint_m=100.0)
    (box,) = _ground(flight, request).boxes
    north_m = degree_lengths_m(48.2)[0] * (lat_deg_of(box.north) - 48.2)
    south_m = degree_lengths_m(48.0)[0] * (47.9 - lat_deg_of(box.south))
    west_m, east_m = (
        degree_lengths_m(48.2)[1] * d for d in (11.0 - lon_deg_of(box.west), lon_deg_of(box.east) - 11.45)
    )
    assert 1700.0 <= north_m <= 1702.0
    assert 1000.0 <= south_m <= 1001.0
    assert 1000.0 <= west_m <= 1001.0
    assert 1300.0 <= east_m <= 1302.0
    (without_home,) = _ground(flight, msgspec.structs.replace(request, home_legs=False)).boxes
    assert lat_deg_of(without_home.south) > 47.98


def test_a_box_holds_the_bulge_of_a_great_circle() -> None:
    """Between two waypoints of one latitude the flight goes farther north, and so does the box."""
    box = _ground(flight_of((50.0, 0.0), (50.0, 30.0)), AreaRequest(kind=AreaKind.BOX, metres=1.0))
    assert lat_deg_of(box.extent()[1]) > 50.9


@pytest.mark.parametrize("lat_deg", [0.0, 48.0, -48.0, 70.0, 84.0])
def test_a_capsule_reaches_little_farther_than_asked(lat_deg: float) -> None:
    """What a capsule adds for safety is 0.2 m of 500 up to latitude 50, and less than 3 m anywhere."""
    corridor = _ground(flight_of((lat_deg, 10.0), (lat_deg + 0.1, 10.1)), AreaRequest(metres=500.0))
    for capsule in corridor.capsules():
        for y in (capsule.a_y, capsule.b_y):
            north_m, east_m = degree_lengths_m(lat_deg_of(y))
            cosine = math.cos(math.radians(lat_deg_of(y)))
            widest_m = capsule.reach_m / capsule.x_m * east_m * 360.0
            highest_m = capsule.reach_m / capsule.y_m * north_m * 360.0 * cosine
            assert 500.0 <= widest_m <= 500.0 + (0.2 if abs(lat_deg) < 50.0 else 3.0)
            assert 500.0 <= highest_m <= 500.0 + (0.2 if abs(lat_deg) < 50.0 else 3.0)
