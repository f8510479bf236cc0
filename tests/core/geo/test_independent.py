"""The tiles are those that PROJ and GEOS find: for every shape of the ground, and for what a fence leaves of it."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_tool.api import AreaKind, AreaRequest, Fence, Flight, GroundPolygon, HomePosition, Place, TileId
from operator_tool.geo.area import area_of
from operator_tool.geo.coverage import coverage_of
from operator_tool.geo.route import route_of
from tests.core.geo.ellipsoid import destination
from tests.core.geo.flights import diagonal, flight_of
from tests.core.geo.independent import corridor

_ORIGINS = {
    "equator": (0.0, 30.0),
    "48": (48.1, 11.0),
    "-35": (-35.2, 149.1),
    "70": (70.0, 25.0),
    "-84": (-84.0, -60.0),
    "180": (10.0, 179.995),
    "-180": (-52.0, -179.999),
}


def _tiles(flight: Flight, request: AreaRequest, z: int) -> set[TileId]:
    return set(coverage_of(area_of(flight, route_of(flight), request), [z]).tiles())


def _with(flight: Flight, **changes: object) -> Flight:
    changed: Flight = msgspec.structs.replace(flight, **changes)
    return changed


def _from(origin: Place, *steps: tuple[float, float]) -> list[Place]:
    """Return the places so many metres north and east of one."""
    places = []
    for north_m, east_m in steps:
        lat_deg, lon_deg = destination(*origin, math.degrees(math.atan2(east_m, north_m)), math.hypot(north_m, east_m))
        places.append((lat_deg, (lon_deg + 180.0) % 360.0 - 180.0))
    return places


def _star(origin: Place, radii_m: list[float]) -> tuple[Place, ...]:
    """Return a polygon about a place that does not cross itself."""
    turns = (math.tau * number / len(radii_m) for number in range(len(radii_m)))
    steps = [(one * math.cos(turn), one * math.sin(turn)) for one, turn in zip(radii_m, turns, strict=True)]
    return tuple(_from(origin, *steps))


def _circling(flight: Flight, *radii_m: float) -> Flight:
    waypoints = (
        msgspec.structs.replace(waypoint, loiter_radius_m=radius_m)
        for waypoint, radius_m in zip(flight.waypoints, radii_m, strict=True)
    )
    return _with(flight, waypoints=tuple(waypoints))


@pytest.mark.parametrize("z", [15, 16, 17, 18, 19])
def test_fifty_kilometres_at_latitude_48(z: int) -> None:
    """At every zoom the corridor is the independent one, and at most 1 tile in 500 is so near that either is right."""
    flight = diagonal(50_000.0)
    covered = _tiles(flight, AreaRequest(metres=500.0), z)
    assert corridor(flight, z, 500.0).check(covered) <= 2 + len(covered) / 500


@pytest.mark.parametrize("origin", _ORIGINS.values(), ids=_ORIGINS)
@pytest.mark.parametrize("metres", [0.0, 3.0, 250.0])
def test_legs_and_circles_anywhere(origin: Place, metres: float) -> None:
    """Legs with their round joins, and circles that are wider than the corridor, at every latitude and across 180°."""
    flight = _circling(
        flight_of(*_from(origin, (0.0, 0.0), (900.0, 400.0), (300.0, 1_500.0), (310.0, 1_500.0))), 0.0, 180.0, 0.0, 77.0
    )
    for z in (15, 18):
        corridor(flight, z, metres).check(_tiles(flight, AreaRequest(metres=metres), z))


_METRES = st.floats(-1_500.0, 1_500.0)


@settings(derandomize=True, deadline=None, max_examples=25, database=None)
@given(
    origin=st.tuples(st.floats(-84.0, 84.0), st.floats(-180.0, 180.0)),
    steps=st.lists(st.tuples(_METRES, _METRES), max_size=3),
    radius_m=st.floats(0.0, 300.0),
    metres=st.floats(0.0, 400.0),
    z=st.integers(14, 18),
)
def test_any_flight(origin: Place, steps: list[tuple[float, float]], radius_m: float, metres: float, z: int) -> None:
    """Wherever a flight goes and however wide the corridor is, the tiles are the independent ones."""
    flight = flight_of(*_from(origin, (0.0, 0.0), *steps))
    flight = _circling(flight, *[0.0] * len(steps), radius_m)
    corridor(flight, z, metres).check(_tiles(flight, AreaRequest(metres=metres), z))


def test_the_cameras_footprint_widens_the_corridor_and_not_what_is_asked_for() -> None:
    """Half the picture's diagonal is added to the metres around legs and circles, and to no asked polygon."""
    flight = _circling(flight_of(*_from((48.0, 11.0), (0.0, 0.0), (700.0, 900.0))), 60.0, 0.0)
    asked = GroundPolygon(outer=_star((48.03, 11.03), [500.0, 300.0, 400.0]))
    ground = corridor(flight, 17, 330.0)
    ground.add_polygon(asked, 0.0)
    ground.check(_tiles(flight, AreaRequest(metres=200.0, footprint_m=130.0, polygons=(asked,)), 17))


@settings(derandomize=True, deadline=None, max_examples=15, database=None)
@given(
    origin=st.tuples(st.floats(-83.0, 83.0), st.sampled_from([12.5, 179.999, -179.999])),
    radii_m=st.lists(st.floats(300.0, 2_000.0), min_size=3, max_size=9),
    hole=st.booleans(),
    margin_m=st.sampled_from([0.0, 40.0]),
    metres=st.sampled_from([0.0, 120.0]),
    z=st.integers(15, 18),
)
def test_any_area(origin: Place, radii_m: list[float], hole: bool, margin_m: float, metres: float, z: int) -> None:
    """An area is filled, its holes are left out, and its rim reaches as far as the corridor and its margin say."""
    holes = (_star(origin, [min(radii_m) * 0.45] * 4),) if hole else ()
    area = GroundPolygon(outer=_star(origin, radii_m), holes=holes, margin_m=margin_m)
    flight = _with(flight_of(area.outer[0]), areas=(area,))
    corridor(flight, z, metres).check(_tiles(flight, AreaRequest(metres=metres), z))


@pytest.mark.parametrize("origin", _ORIGINS.values(), ids=_ORIGINS)
def test_a_hole_is_left_out_but_for_its_rim(origin: Place) -> None:
    """Of a hole in an area only what is within the corridor's metres and the margin of its rim is needed."""
    area = GroundPolygon(outer=_star(origin, [1_500.0] * 7), holes=(_star(origin, [700.0] * 4),), margin_m=50.0)
    flight = _with(flight_of(area.outer[0]), areas=(area,))
    corridor(flight, 18, 70.0).check(_tiles(flight, AreaRequest(metres=70.0), 18))


@pytest.mark.parametrize("origin", _ORIGINS.values(), ids=_ORIGINS)
def test_the_union_of_several_areas(origin: Place) -> None:
    """The flight's areas and those asked for are each filled, where they overlap and where they lie apart."""
    first, second, third = _from(origin, (1_000.0, 0.0), (1_300.0, 500.0), (-2_000.0, -1_800.0))
    areas = (GroundPolygon(outer=_star(first, [600.0] * 5)), GroundPolygon(outer=_star(second, [500.0] * 4)))
    asked = GroundPolygon(outer=_star(third, [400.0, 800.0, 300.0, 700.0]), margin_m=90.0)
    flight = _with(flight_of(origin, first), areas=areas)
    for z in (15, 17):
        ground = corridor(flight, z, 80.0)
        ground.add_polygon(asked, 90.0)
        ground.check(_tiles(flight, AreaRequest(metres=80.0, polygons=(asked,)), z))


@pytest.mark.parametrize("origin", _ORIGINS.values(), ids=_ORIGINS)
@pytest.mark.parametrize("returns", [False, True])
def test_the_ways_home(origin: Place, returns: bool) -> None:
    """The way from home is flown, and the way back where the mission ends with a return."""
    home, first, last = _from(origin, (-900.0, -500.0), (0.0, 0.0), (300.0, 1_600.0))
    flight = _with(flight_of(first, last), home=HomePosition(lat_deg=home[0], lon_deg=home[1]), returns_home=returns)
    ground = corridor(flight, 17, 60.0)
    ground.add_leg(home, first, 60.0)
    if returns:
        ground.add_leg(last, home, 60.0)
    ground.check(_tiles(flight, AreaRequest(metres=60.0), 17))
    corridor(flight, 17, 60.0).check(_tiles(flight, AreaRequest(metres=60.0, home_legs=False), 17))


@settings(derandomize=True, deadline=None, max_examples=20, database=None)
@given(
    origin=st.tuples(st.floats(-80.0, 80.0), st.sampled_from([12.5, 179.999, -179.999])),
    radii_m=st.lists(st.floats(700.0, 2_500.0), min_size=3, max_size=9),
    circle_m=st.sampled_from([0.0, 900.0]),
    area_m=st.sampled_from([0.0, 1_200.0]),
    metres=st.floats(0.0, 900.0),
    z=st.integers(14, 18),
)
def test_any_fence(origin: Place, radii_m: list[float], circle_m: float, area_m: float, metres: float, z: int) -> None:
    """What lies outside of all inclusion fences is left out: a tile is kept where ground and fence meet within it."""
    first, last, center = _from(origin, (0.0, 0.0), (70.0, 100.0), (200.0, 300.0))
    fences = [Fence(inclusion=True, polygon=_star(origin, radii_m))]
    if circle_m:
        fences.append(Fence(inclusion=True, center=center, radius_m=circle_m))
    areas = (GroundPolygon(outer=_star(center, [area_m] * 3)),) if area_m else ()
    flight = _with(flight_of(first, last), fences=tuple(fences), areas=areas)
    ground = area_of(flight, route_of(flight), AreaRequest(metres=metres))
    assert ground.fence is not None
    corridor(flight, z, metres, fences=fences).check(set(coverage_of(ground, [z]).tiles()))


@pytest.mark.parametrize("origin", _ORIGINS.values(), ids=_ORIGINS)
def test_a_wide_corridor_within_a_circle(origin: Place) -> None:
    """A circle as a fence leaves what lies in the circle, and no more than its corners add."""
    fence = Fence(inclusion=True, center=origin, radius_m=1_500.0)
    flight = _with(flight_of(origin, *_from(origin, (200.0, 600.0))), fences=(fence,))
    z = 16 if abs(origin[0]) > 80.0 else 18  # tiles are small there, and as many as tell as much take ten times as long
    corridor(flight, z, 1_800.0, fences=[fence]).check(_tiles(flight, AreaRequest(metres=1_800.0), z))


@pytest.mark.parametrize("origin", _ORIGINS.values(), ids=_ORIGINS)
def test_a_box_and_a_fenced_box(origin: Place) -> None:
    """A box holds the circle and the area too, and what is asked for lies beside it; a fence clips the box alone."""
    places = _from(origin, (0.0, 0.0), (900.0, 400.0), (300.0, 1_500.0), (-700.0, 300.0), (3_000.0, 3_000.0))
    area = GroundPolygon(outer=_star(places[3], [200.0] * 4), margin_m=35.0)
    flight = _with(_circling(flight_of(*places[:3]), 0.0, 0.0, 250.0), areas=(area,))
    asked = GroundPolygon(outer=_star(places[4], [350.0] * 6))
    request = AreaRequest(kind=AreaKind.BOX, metres=100.0, polygons=(asked,))
    (box,) = area_of(flight, route_of(flight), request).boxes
    fence = Fence(inclusion=True, polygon=_star(places[1], [1_900.0] * 4))
    for fences in ((), (fence,)):
        ground = corridor(flight, 17, 100.0, fences=fences)
        degrees = (box.west * 360.0 - 180.0, _lat_deg(box.north), box.east * 360.0 - 180.0, _lat_deg(box.south))
        ground.add_box(*degrees)
        ground.add_asked(asked, 0.0)
        ground.check(_tiles(_with(flight, fences=fences), request, 17))


def _lat_deg(y: float) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1.0 - 2.0 * y))))
