"""Inclusion fences: heeded where the route keeps within them, and told where they are not."""

from __future__ import annotations

import math
import subprocess
import sys

import msgspec
import pytest

from operator_tool.api import AreaRequest, Fence, Flight, GroundPolygon, Place, PlanError, TileId
from operator_tool.geo.area import Ground, area_of
from operator_tool.geo.coverage import coverage_of
from operator_tool.geo.mercator import x_of, y_of
from operator_tool.geo.route import route_of
from tests.core.geo.flights import flight_of

_FLIGHT = flight_of((48.0, 11.0), (48.0, 11.02), (48.01, 11.02))


def _square(south: float, west: float, north: float, east: float, *, inclusion: bool = True) -> Fence:
    return Fence(inclusion=inclusion, polygon=((south, west), (south, east), (north, east), (north, west)))


def _ground(*fences: Fence, flight: Flight = _FLIGHT, within_fence: bool = True) -> Ground:
    flight = msgspec.structs.replace(flight, fences=fences)
    return area_of(flight, route_of(flight), AreaRequest(metres=500.0, within_fence=within_fence))


def test_a_fence_leaves_out_what_lies_beyond_it() -> None:
    """Fewer tiles are needed, the extent ends at the fence, and it is said."""
    wide = _ground()
    ground = _ground(_square(47.999, 10.999, 48.011, 11.021))
    assert coverage_of(ground, [18]).count < coverage_of(wide, [18]).count * 0.7
    assert coverage_of(ground, [18]).bounds_deg == pytest.approx((10.999, 47.999, 11.021, 48.011), abs=1e-9)
    assert ground.notes == ("What lies outside of the flight's inclusion fence is left out.",)
    assert ground.fence is not None


def test_a_fence_wide_around_changes_no_tile() -> None:
    """A fence beyond the ground's reach leaves every tile."""
    fence = _square(40.0, 0.0, 89.0, 20.0)
    assert list(coverage_of(_ground(fence), [15, 18]).ranges()) == list(coverage_of(_ground(), [15, 18]).ranges())


def test_exclusion_fences_and_unwanted_ones_clip_nothing() -> None:
    """The drone keeps out of an exclusion fence, and may see into it; with the fences left out nothing is clipped."""
    everywhere = list(coverage_of(_ground(), [17]).ranges())
    out = _ground(_square(47.999, 10.999, 48.011, 11.021, inclusion=False))
    unwanted = _ground(_square(47.999, 10.999, 48.011, 11.021), within_fence=False)
    for ground in (out, unwanted):
        assert ground.fence is None
        assert not ground.notes
        assert list(coverage_of(ground, [17]).ranges()) == everywhere


@pytest.mark.parametrize("margin_m", [0.0, 400.0])
def test_what_is_asked_for_besides_stays_whole(margin_m: float) -> None:
    """A polygon of the operator's, half of it beyond the fence, gives its own tiles and no more."""
    fence = _square(47.999, 10.999, 48.011, 11.021)
    asked = GroundPolygon(
        outer=((48.005, 11.015), (48.005, 11.05), (48.008, 11.05), (48.008, 11.015)), margin_m=margin_m
    )
    flight = msgspec.structs.replace(_FLIGHT, fences=(fence,))
    both = area_of(flight, route_of(flight), AreaRequest(metres=500.0, polygons=(asked,)))
    alone = msgspec.structs.replace(_FLIGHT, waypoints=flight_of((48.006, 11.02)).waypoints)
    polygon = area_of(alone, route_of(alone), AreaRequest(metres=0.0, polygons=(asked,)))
    expected = {*coverage_of(_ground(fence), [18]).tiles(), *coverage_of(polygon, [18]).tiles()}
    found = set(coverage_of(both, [18]).tiles())
    assert expected <= found
    # Where margin, corridor and fence meet, a sliver of the corridor beside the margin may count: see fence.py.
    assert len(found - expected) <= (1 if margin_m else 0)
    assert both.notes == ("What lies outside of the flight's inclusion fence is left out, unless it is asked for.",)


def test_a_waypoint_outside_of_all_fences_sets_them_aside() -> None:
    """Nothing is clipped then, and the note names the waypoint; inside of one of several is inside."""
    half, other = _square(47.99, 10.99, 48.02, 11.01), _square(47.99, 11.005, 48.02, 11.03)
    ground = _ground(half)
    assert ground.fence is None
    assert list(coverage_of(ground, [17]).ranges()) == list(coverage_of(_ground(), [17]).ranges())
    (note,) = ground.notes
    assert note.startswith(
        "The inclusion fences are not heeded: waypoint 1 (latitude 48.0, longitude 11.02) lies outside"
    )
    assert _ground(half, other).fence is not None


def test_a_leg_that_leaves_the_fences_sets_them_aside() -> None:
    """Both ends lie within, and the way between them doesn't: what is flown over is never left out."""
    apart = _square(47.99, 10.99, 48.02, 11.005), _square(47.99, 11.01, 48.02, 11.03)
    ground = _ground(*apart)
    assert ground.fence is None
    assert "the leg from waypoint 0 (latitude 48.0, longitude 11.0) leaves them" in ground.notes[0]


def test_a_route_along_its_fence_keeps_within() -> None:
    """A survey's rim is often its fence: corners that are both, and the lines between them, are inside."""
    corners = ((48.0, 11.0), (48.003, 11.13), (48.1, 11.1), (48.07, 10.93))
    ground = _ground(Fence(inclusion=True, polygon=corners), flight=flight_of(*corners, corners[0]))
    assert ground.fence is not None


def test_a_fence_that_overlaps_itself_holds_what_it_goes_around() -> None:
    """A star drawn in one line holds its middle, where the flight is, and its points; beside it nothing is kept."""
    corners = [
        (48.0 + 0.05 * math.cos(turn), 11.0 + 0.05 * math.sin(turn)) for turn in (math.tau * n / 5 for n in range(5))
    ]
    star = Fence(inclusion=True, polygon=tuple(corners[number * 2 % 5] for number in range(5)))
    ground = _ground(star, flight=flight_of((48.0, 11.0), (48.04, 11.0)))
    coverage = coverage_of(ground, [18])
    assert ground.fence is not None
    for (lat_deg, lon_deg), expected in (((48.0, 11.0), True), ((48.03, 11.0), True), ((48.03, 11.014), False)):
        tile = TileId(18, math.floor(x_of(lon_deg) * 2**18), math.floor(y_of(lat_deg) * 2**18))
        assert (tile in coverage) == expected


@pytest.mark.parametrize("start_deg", [179.99, -179.99])
def test_a_fence_across_180(start_deg: float) -> None:
    """A fence across the antimeridian clips on both sides of it, on whichever side the route begins."""
    flight = flight_of((10.0, start_deg), (10.0, -start_deg))
    fence = _square(9.999, 179.987, 10.001, -179.987)
    coverage = coverage_of(_ground(fence, flight=flight), [18])
    west, south, east, north = coverage.bounds_deg
    assert (west, south, east, north) == pytest.approx((179.987, 9.999, -179.987, 10.001), abs=1e-9)
    whole = coverage_of(_ground(flight=flight), [18])
    assert 0.1 < coverage.count / whole.count < 0.6
    assert {one.x0 for one in coverage.ranges()} >= {0}
    assert {one.x1 for one in coverage.ranges()} >= {2**18 - 1}


_PLACE: Place = (48.0, 11.0)


@pytest.mark.parametrize(
    ("fence", "expected"),
    [
        (Fence(inclusion=True), "fence 0 has 0 corners; a polygon has at least 3"),
        (Fence(inclusion=True, center=(math.nan, 11.0), radius_m=10.0), "the center of fence 0 .* is not a place"),
        (Fence(inclusion=True, center=_PLACE, radius_m=math.inf, source="geoFence.circles[0]"), r"fence 0 \(geoFence"),
        (Fence(inclusion=True, center=(85.0, 11.0), radius_m=9_000.0), "fence 0, a circle of 9000 m .* goes beyond 85"),
        (Fence(inclusion=True, polygon=((80.0, 0.0), (80.0, 120.0), (80.0, -120.0))), "fence 0 goes around a pole"),
    ],
)
def test_a_fence_that_cannot_be_is_refused(fence: Fence, expected: str) -> None:
    """It is named with its place in the file; it does no harm where the fences are not wanted."""
    with pytest.raises(PlanError, match=expected):
        _ground(fence)
    assert _ground(fence, within_fence=False).fence is None


def test_a_circle_of_no_radius_holds_no_waypoint() -> None:
    """A fence around nothing is set aside like any that the route leaves."""
    assert "lies outside of them" in _ground(Fence(inclusion=True, center=_PLACE)).notes[0]


def test_without_a_fence_shapely_is_not_imported() -> None:
    """A plan of a flight that has no fence doesn't wait for a library that it does not need."""
    program = (
        "import sys; from tests.core.geo.test_fence import _ground, coverage_of\n"
        "for name in [name for name in sys.modules if name.startswith(('shapely', 'operator_tool.geo.fence'))]: "
        "del sys.modules[name]\n"
        "coverage_of(_ground(), [15]); print('shapely' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout.strip()) == (0, "False"), ended.stderr
