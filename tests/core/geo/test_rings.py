"""Polygons of the ground: filled where they overlap themselves, whole across 180°, refused where there are no tiles."""

from __future__ import annotations

import math

import msgspec
import pytest

from operator_tool.api import AreaRequest, GroundPolygon, Place, PlanError, TileId
from operator_tool.geo.area import Ground, area_of
from operator_tool.geo.coverage import Coverage, coverage_of
from operator_tool.geo.mercator import x_of, y_of
from operator_tool.geo.route import route_of
from tests.core.geo.flights import flight_of

_SQUARE = ((0.0, 0.0), (0.0, 0.1), (0.1, 0.1), (0.1, 0.0))


def _ground(area: GroundPolygon, start: Place = (0.0, 0.0)) -> Ground:
    flight = msgspec.structs.replace(flight_of(start), areas=(area,))
    return area_of(flight, route_of(flight), AreaRequest(metres=0.0))


def _has(coverage: Coverage, lat_deg: float, lon_deg: float, z: int = 16) -> bool:
    return TileId(z, math.floor(x_of(lon_deg) * 2**z) % 2**z, math.floor(y_of(lat_deg) * 2**z)) in coverage


def test_a_ring_that_overlaps_itself_is_filled_there() -> None:
    """The middle of a star of five points, drawn in one line and gone around twice, is inside as its points are."""
    corners = [(0.05 * math.cos(turn), 0.05 * math.sin(turn)) for turn in (math.tau * 2 * n / 5 for n in range(5))]
    coverage = coverage_of(_ground(GroundPolygon(outer=tuple(corners)), corners[0]), [16])
    assert _has(coverage, 0.0, 0.0)
    assert not _has(coverage, -0.7 * corners[0][0], 0.0)
    assert all(_has(coverage, lat_deg * 0.7, lon_deg * 0.7) for lat_deg, lon_deg in corners)


def test_a_loop_drawn_the_other_way_round_is_filled_too() -> None:
    """Both halves of an eight are inside, although one is gone around against the other."""
    eight = ((0.0, 0.0), (0.1, 0.1), (0.1, 0.0), (0.0, 0.1))
    coverage = coverage_of(_ground(GroundPolygon(outer=eight)), [16])
    assert _has(coverage, 0.02, 0.05)
    assert _has(coverage, 0.08, 0.05)
    assert not _has(coverage, 0.05, 0.02)


def test_overlapping_holes_are_both_left_out() -> None:
    """What two holes share is left out, and a hole that reaches beyond the area adds nothing there."""
    one = ((0.02, 0.02), (0.02, 0.06), (0.08, 0.06), (0.08, 0.02))
    other = ((0.02, 0.04), (0.02, 0.2), (0.08, 0.2), (0.08, 0.04))
    coverage = coverage_of(_ground(GroundPolygon(outer=_SQUARE, holes=(one, other))), [16])
    assert not any(_has(coverage, 0.05, lon_deg) for lon_deg in (0.03, 0.05, 0.09, 0.15))
    assert _has(coverage, 0.01, 0.05)


def test_a_hole_is_left_out() -> None:
    """The inside of a hole is not needed, whichever way round it is drawn."""
    hole = ((0.02, 0.02), (0.02, 0.08), (0.08, 0.08), (0.08, 0.02))
    for drawn in (hole, hole[::-1]):
        coverage = coverage_of(_ground(GroundPolygon(outer=_SQUARE, holes=(drawn,))), [16])
        assert not _has(coverage, 0.05, 0.05)
        assert _has(coverage, 0.01, 0.05)


@pytest.mark.parametrize("shift_deg", [0.0, -360.0, 360.0])
def test_an_area_across_180_is_whole(shift_deg: float) -> None:
    """However its longitudes are signed, an area across 180° is the same tiles as elsewhere, its hole too."""
    turned = [(lat_deg, 179.95 + lon_deg) for lat_deg, lon_deg in _SQUARE]
    outer = tuple((lat_deg, lon_deg - 360.0 if lon_deg > 180.0 else lon_deg) for lat_deg, lon_deg in turned)
    hole = ((0.02, -179.99), (0.02, -179.97), (0.04, -179.97))
    start = outer[0] if shift_deg >= 0.0 else (0.05, -179.96)
    coverage = coverage_of(_ground(GroundPolygon(outer=outer, holes=(hole,)), start), [16])
    elsewhere = tuple((lat_deg, lon_deg + 22.5) for lat_deg, lon_deg in _SQUARE)
    hole = ((0.02, 22.56), (0.02, 22.58), (0.04, 22.58))
    same = coverage_of(_ground(GroundPolygon(outer=elsewhere, holes=(hole,)), elsewhere[0]), [16])
    assert abs(coverage.count - same.count) <= 40
    assert _has(coverage, 0.05, 179.96)
    assert _has(coverage, 0.05, -179.96)
    assert not _has(coverage, 0.025, -179.975)
    assert not _has(coverage, 0.05, 179.9)
    west, _, east, _ = coverage.bounds_deg
    assert west > 179.9 > -179.9 > east


@pytest.mark.parametrize(
    ("outer", "expected"),
    [
        (((0.0, 0.0), (0.0, 1.0)), r"area 0 \(items\[3\]\) has 2 corners; a polygon has at least 3"),
        (((80.0, 0.0), (86.0, 0.0), (80.0, 1.0)), r"area 0 .* reaches latitude 86\.0000, beyond 85\.0511"),
        (((80.0, 0.0), (80.0, 120.0), (80.0, -120.0)), r"area 0 .* goes around a pole"),
        (((80.0, 0.0), (math.nan, 1.0), (80.0, 1.0)), r"corner 1 of area 0 .* is not a place on the earth"),
        (((80.0, 0.0), (0.0, 180.5), (80.0, 1.0)), r"corner 1 of area 0 .* is not a place on the earth"),
    ],
)
def test_a_polygon_that_has_no_tiles_is_refused(outer: tuple[Place, ...], expected: str) -> None:
    """Too few corners, the polar caps, a ring around a pole and a corner off the earth are named with their place."""
    with pytest.raises(PlanError, match=expected):
        _ground(GroundPolygon(outer=outer, source="items[3]"))


@pytest.mark.parametrize("margin_m", [-1.0, math.nan, math.inf, 2_000_000.0])
def test_a_margin_that_makes_no_sense_is_refused(margin_m: float) -> None:
    """A margin is a number of metres that a drone can fly."""
    with pytest.raises(PlanError, match="the margin of area 0 is "):
        _ground(GroundPolygon(outer=_SQUARE, margin_m=margin_m))


def test_an_area_whose_margin_goes_beyond_the_tiles_is_refused() -> None:
    """The corners are on the map and what lies around them isn't: the area is named."""
    outer = ((85.0, 0.0), (85.04, 0.0), (85.0, 0.5))
    assert _ground(GroundPolygon(outer=outer, margin_m=100.0), outer[0]).extent()
    with pytest.raises(PlanError, match=r"area 0 reaches latitude 85\.0\d+; 5000 m more go beyond 85\.0511"):
        _ground(GroundPolygon(outer=outer, margin_m=5_000.0), outer[0])


def test_endless_rims_are_refused() -> None:
    """A few thousand corners that go from pole to pole would be millions of pieces: refused before that."""
    outer = tuple((80.0 if number % 2 else -80.0, number / 1_000.0) for number in range(12_000))
    with pytest.raises(PlanError, match="the rims of the areas are longer than 100,000 km at area 0"):
        _ground(GroundPolygon(outer=outer))
