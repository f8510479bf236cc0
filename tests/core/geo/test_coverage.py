"""The tiles of an area are exactly those that it touches, and they never become a list."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from operator_tool.api import AreaKind, AreaRequest, Flight, PlanError, TileId
from operator_tool.geo.area import Ground, area_of
from operator_tool.geo.boxes import Box
from operator_tool.geo.capsules import Capsules
from operator_tool.geo.coverage import Coverage, TileRange, coverage_of
from operator_tool.geo.mercator import x_of, y_of
from operator_tool.geo.route import route_of
from operator_tool.geo.rows import rows_of
from tests.core.geo.ellipsoid import degree_lengths_m, destination, great_circle
from tests.core.geo.flights import diagonal, flight_of, zigzag
from tests.core.geo.plane import segment_to_rectangle

_NEAR_M = 1e-5
"""Where an area ends this near to a tile's edge, either answer is right."""

_SHAPES = {
    "diagonal": [(0.0, 0.0), (0.02, 0.03)],
    "north": [(0.0, 0.0), (0.031, 0.0)],
    "east": [(0.0, 0.0), (0.0, 0.031)],
    "hook": [(0.0, 0.0), (0.02, 0.01), (-0.004, 0.012), (-0.005, -0.02)],
    "point": [(0.0, 0.0)],
    "twice": [(0.0, 0.0), (0.0, 0.0), (0.003, -0.004), (0.003, -0.004)],
}
_ORIGINS = {
    "equator": (0.0, 30.0),
    "48": (48.1, 11.0),
    "-35": (-35.2, 149.1),
    "70": (70.0, 25.0),
    "180": (10.0, 179.99),
}


def _flight(shape: str, origin: str) -> Flight:
    lat_deg, lon_deg = _ORIGINS[origin]
    return flight_of(*((lat_deg + north, (lon_deg + east + 180.0) % 360.0 - 180.0) for north, east in _SHAPES[shape]))


def _corridor(flight: Flight, metres: float) -> Ground:
    return area_of(flight, route_of(flight), AreaRequest(metres=metres))


def _box(flight: Flight, metres: float) -> Ground:
    return area_of(flight, route_of(flight), AreaRequest(kind=AreaKind.BOX, metres=metres))


def _only(box: Box) -> Ground:
    return Ground(kind=AreaKind.BOX, strokes=Capsules(), boxes=(box,))


def _distance_beyond_m(corridor: Ground, z: int, x: int, y: int) -> float:
    """Return how far a tile, its x not wrapped, lies beyond the corridor's rim; negative where it is touched."""
    beyond_m = math.inf
    for capsule in corridor.capsules():
        x_m, y_m, side = capsule.x_m, capsule.y_m, 2**z
        a = (0.0, 0.0)
        b = ((capsule.b_x - capsule.a_x) * x_m, (capsule.b_y - capsule.a_y) * y_m)
        west, east = ((at / side - capsule.a_x) * x_m for at in (x, x + 1))
        north, south = ((at / side - capsule.a_y) * y_m for at in (y, y + 1))
        beyond_m = min(beyond_m, segment_to_rectangle(a, b, west, north, east, south) - capsule.reach_m)
    return beyond_m


def _check_every_tile_near(corridor: Ground, z: int) -> int:
    coverage = coverage_of(corridor, [z])
    west, north, east, south = corridor.extent()
    side, seen = 2**z, 0
    for x in range(math.floor(west * side) - 2, math.floor(east * side) + 3):
        for y in range(max(math.floor(north * side) - 2, 0), min(math.floor(south * side) + 3, side)):
            beyond_m = _distance_beyond_m(corridor, z, x, y)
            covered = TileId(z, x % side, y) in coverage
            assert covered == (beyond_m <= 0.0) or abs(beyond_m) < _NEAR_M, (z, x, y, beyond_m)
            seen += covered
    assert seen == coverage.count
    return seen


@pytest.mark.parametrize("origin", list(_ORIGINS))
@pytest.mark.parametrize("shape", list(_SHAPES))
def test_a_corridor_is_exactly_the_tiles_that_it_touches(shape: str, origin: str) -> None:
    """Every tile of the neighbourhood is asked one by one how far it is from the route, and the answers agree."""
    assert _check_every_tile_near(_corridor(_flight(shape, origin), 120.0), 17) >= 1
    assert _check_every_tile_near(_corridor(_flight(shape, origin), 700.0), 14) >= 1


@pytest.mark.parametrize("origin", list(_ORIGINS))
def test_a_narrow_corridor_is_exact_at_the_finest_zoom(origin: str) -> None:
    """A corridor narrower than a tile leaves none out where it cuts a corner."""
    lat_deg, lon_deg = _ORIGINS[origin]
    flight = flight_of((lat_deg, lon_deg), (lat_deg + 0.0009, lon_deg + 0.0013), (lat_deg + 0.0008, lon_deg))
    assert _check_every_tile_near(_corridor(flight, 0.5), 22) > 20


_DEGREES = st.floats(-0.02, 0.02)


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(
    origin=st.tuples(st.floats(-75.0, 75.0), st.floats(-180.0, 180.0)),
    steps=st.lists(st.tuples(_DEGREES, _DEGREES), max_size=3),
    metres=st.floats(1.0, 400.0),
    z=st.integers(12, 16),
)
@example(origin=(0.0, 180.0), steps=[(0.0, -0.01)], metres=100.0, z=16)
@example(origin=(0.0, 0.0), steps=[(1e-11, 0.01), (-1e-11, 0.01)], metres=100.0, z=16)
@example(origin=(48.0, 11.0), steps=[(5e-11, 6e-12), (5e-11, -6e-12)], metres=300.0, z=16)
def test_any_corridor_is_exact(
    origin: tuple[float, float], steps: list[tuple[float, float]], metres: float, z: int
) -> None:
    """Wherever the flight goes and however wide the corridor is, the tiles are those that it touches."""
    places = [origin, *((origin[0] + north, origin[1] + east) for north, east in steps)]
    flight = flight_of(*((lat_deg, (lon_deg + 180.0) % 360.0 - 180.0) for lat_deg, lon_deg in places))
    assert _check_every_tile_near(_corridor(flight, metres), z) >= 1


@pytest.mark.parametrize("metres", [10.0, 500.0])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((0.0, 30.0), (0.01, 30.03)),
        ((48.0, 11.0), (48.05, 11.0)),
        ((48.0, 11.0), (48.03, 11.06)),
        ((-35.0, 149.0), (-35.0, 149.05)),
        ((70.0, 25.0), (70.02, 25.1)),
        ((10.0, 179.98), (10.01, -179.99)),
        ((60.0, 20.0), (60.0, 22.0)),
        ((83.0, 20.0), (83.0, 20.4)),
        ((-83.0, 20.0), (-83.0, 20.4)),
    ],
)
def test_every_place_within_true_metres_of_the_flight_has_its_tile(
    start: tuple[float, float], end: tuple[float, float], metres: float
) -> None:
    """Places that far beside the great circle in true metres, by Vincenty's geodesics, all lie in a covered tile."""
    zooms = (15, 18, 22)
    coverage = coverage_of(_corridor(flight_of(start, end), metres), zooms)
    for lat_deg, lon_deg in great_circle(start, end, 60):
        for azimuth_deg, share in itertools.product(range(0, 360, 9), (0.5, 0.999999)):
            at_lat_deg, at_lon_deg = destination(lat_deg, lon_deg, azimuth_deg, metres * share)
            for z in zooms:
                x, y = math.floor(x_of(at_lon_deg) * 2**z) % 2**z, math.floor(y_of(at_lat_deg) * 2**z)
                assert TileId(z, x, y) in coverage, (lat_deg, lon_deg, azimuth_deg, share, z)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((0.0, 30.0), (0.01, 30.03)),
        ((48.0, 11.0), (48.03, 11.06)),
        ((-35.0, 149.0), (-35.0, 149.03)),
        ((60.0, 25.0), (60.02, 25.05)),
    ],
)
def test_no_tile_is_covered_that_the_true_corridor_does_not_touch(
    start: tuple[float, float], end: tuple[float, float]
) -> None:
    """Each covered tile comes within 500.4 true metres of the great circle, measured in each one's own small plane."""
    way = great_circle(start, end, 40)
    for tile in coverage_of(_corridor(flight_of(start, end), 500.0), [18]).tiles():
        side = 2**18
        nearest_m = math.inf
        for a, b in itertools.pairwise(way):
            degree_m = degree_lengths_m((a[0] + b[0]) / 2.0)
            x_m = degree_m[1] * 360.0
            y_m = degree_m[0] * 360.0 * math.cos(math.radians((a[0] + b[0]) / 2.0))
            here, there = ((x_of(lon) * x_m, y_of(lat) * y_m) for lat, lon in (a, b))
            edges = (tile.x / side * x_m, tile.y / side * y_m, (tile.x + 1) / side * x_m, (tile.y + 1) / side * y_m)
            nearest_m = min(nearest_m, segment_to_rectangle(here, there, *edges))
        assert nearest_m < 500.4, tile


@pytest.mark.parametrize("origin", list(_ORIGINS))
def test_a_box_is_the_whole_rectangle_of_tiles(origin: str) -> None:
    """A box covers each tile between its corners, across the antimeridian too."""
    ground = _box(_flight("hook", origin), 300.0)
    (box,) = ground.boxes
    side = 2**16
    wanted = {
        TileId(16, x % side, y)
        for x in range(math.floor(box.west * side), math.floor(box.east * side) + 1)
        for y in range(math.floor(box.north * side), math.floor(box.south * side) + 1)
    }
    assert set(coverage_of(ground, [16]).tiles()) == wanted


def test_a_tile_owns_its_west_and_north_edges() -> None:
    """A box from edge to edge begins in the tile that starts there, and its far edges belong to the next tiles."""
    edge_to_edge = Box(west=4 / 16, north=5 / 16, east=6 / 16, south=7 / 16)
    assert list(coverage_of(_only(edge_to_edge), [4]).ranges()) == [TileRange(4, y, 4, 6) for y in (5, 6, 7)]


def _areas() -> list[tuple[str, Ground]]:
    return [
        ("corridor", _corridor(_flight("hook", "48"), 500.0)),
        ("across 180", _corridor(_flight("hook", "180"), 500.0)),
        ("box across 180", _box(_flight("hook", "180"), 500.0)),
        ("long", _corridor(zigzag(50, 20_000.0), 300.0)),
        ("round the world", _corridor(flight_of((0.0, 0.0), (0.1, 120.0), (0.2, -120.0), (0.0, 0.0)), 5_000.0)),
    ]


@pytest.mark.parametrize("area", [pytest.param(area, id=name) for name, area in _areas()])
def test_ranges_are_sorted_and_apart_and_make_up_the_count(area: Ground) -> None:
    """Ranges ascend by zoom, row and column, neither overlap nor touch, lie in the world, and sum to the count."""
    coverage = coverage_of(area, [11, 9, 12, 9])
    ranges = list(coverage.ranges())
    assert ranges == sorted(ranges)
    for one in ranges:
        assert 0 <= one.x0 <= one.x1 < 2**one.z
        assert 0 <= one.y < 2**one.z
    for before, after in itertools.pairwise(ranges):
        assert (before.z, before.y) != (after.z, after.y) or before.x1 + 1 < after.x0
    assert list(coverage.count_by_zoom) == [9, 11, 12]
    assert sum(one.count for one in ranges) == coverage.count == sum(coverage.count_by_zoom.values())
    tiles = list(coverage.tiles())
    assert len(set(tiles)) == len(tiles) == coverage.count
    assert all(tile in coverage for tile in tiles)


@pytest.mark.parametrize("area", [pytest.param(area, id=name) for name, area in _areas()])
def test_the_tiles_of_a_zoom_are_the_same_whatever_other_zooms_are_asked_for(area: Ground) -> None:
    """Coarser zooms are told from the finest one: each is what it is when it is asked for alone."""
    together = list(coverage_of(area, [3, 9, 10, 13]).ranges())
    assert together == [one for z in (3, 9, 10, 13) for one in coverage_of(area, [z]).ranges()]


def test_what_is_not_covered_is_not_in_it() -> None:
    """Other zooms, other rows, the gap between two spans and numbers that are no tile are all outside."""
    coverage = coverage_of(_corridor(_flight("hook", "180"), 200.0), [14])
    ranges = [one for one in coverage.ranges() if one.x0 == 0]
    gap = TileId(14, ranges[0].x1 + 1, ranges[0].y)
    outside = [TileId(13, 0, 0), TileId(14, 0, 0), TileId(14, 0, 2**14), TileId(14, -1, ranges[0].y), gap]
    assert not any(tile in coverage for tile in outside)
    assert TileId(14, 0, ranges[0].y) in coverage


def test_a_flight_flown_backwards_needs_the_same_tiles() -> None:
    """The order of the waypoints, and flying a leg twice, change nothing."""
    places = [(48.0, 11.0), (48.02, 11.05), (48.01, 11.1)]
    forwards = coverage_of(_corridor(flight_of(*places), 400.0), [16, 17])
    for other in (places[::-1], [*places, *places[::-1]]):
        assert list(coverage_of(_corridor(flight_of(*other), 400.0), [16, 17]).ranges()) == list(forwards.ranges())


def test_two_spans_of_one_row_stay_apart() -> None:
    """Two legs side by side, farther apart than the corridor is wide, leave the tiles between them out."""
    flight = flight_of((48.1, 11.0), (48.0, 11.0), (48.0, 11.1), (48.1, 11.1))
    middle = [one for one in coverage_of(_corridor(flight, 200.0), [17]).ranges() if one.y == int(y_of(48.05) * 2**17)]
    assert len(middle) == 2


def test_bounds_are_those_of_the_area() -> None:
    """Bounds are west, south, east, north; west is greater than east across 180°, and a whole turn is -180 to 180."""
    west, south, east, north = coverage_of(_corridor(_flight("hook", "48"), 500.0), [10]).bounds_deg
    assert (west, south, east, north) == pytest.approx((10.9733, 48.0905, 11.0187, 48.1245), abs=2e-4)
    west, south, east, north = coverage_of(_corridor(_flight("hook", "180"), 500.0), [10]).bounds_deg
    assert (west, east) == pytest.approx((179.9654, -179.9934), abs=2e-4)
    assert south < 10.0 < north
    assert coverage_of(_only(Box(west=0.5, north=0.4, east=1.0, south=0.5)), [3]).bounds_deg[::2] == (0.0, 180.0)
    assert coverage_of(_only(Box(west=0.0, north=0.4, east=0.5, south=0.5)), [3]).bounds_deg[::2] == (-180.0, 0.0)
    world = _corridor(flight_of((0.0, 0.0), (0.0, 120.0), (0.0, -120.0), (0.0, 0.0)), 500.0)
    assert coverage_of(world, [5]).bounds_deg[::2] == (-180.0, 180.0)


@pytest.mark.parametrize(("lat_deg", "lon_deg"), [(0.0, 180.0), (0.0, -180.0), (30.0, 180.0)])
def test_a_point_on_the_antimeridian_has_tiles_on_both_sides(lat_deg: float, lon_deg: float) -> None:
    """A single waypoint at 180° needs the last tile and the first of its rows, however its longitude is signed."""
    ranges = list(coverage_of(_corridor(flight_of((lat_deg, lon_deg)), 500.0), [15]).ranges())
    assert {one.x0 for one in ranges} >= {0}
    assert {one.x1 for one in ranges} >= {2**15 - 1}


def test_once_round_the_world_is_each_tile_once() -> None:
    """A row that the flight fills from end to end is one range, counted once though it was flown twice."""
    twice = [(0.0, 0.0), (0.0, 120.0), (0.0, -120.0)] * 2 + [(0.0, 0.0)]
    coverage = coverage_of(_corridor(flight_of(*twice), 500.0), [0, 8])
    assert list(coverage.ranges()) == [TileRange(0, 0, 0, 0), TileRange(8, 127, 0, 255), TileRange(8, 128, 0, 255)]


def test_twice_as_many_legs_are_twice_the_work() -> None:
    """How often a shape is looked at in a row grows with the number of legs, apart or side by side, and not faster."""
    for one, other in (
        (zigzag(60, 2_000.0), zigzag(120, 2_000.0)),
        (flight_of(*_transects(150)), flight_of(*_transects(300))),
    ):
        less, more = (sum(row[2] for row in rows_of(_corridor(flight, 300.0), 18)) for flight in (one, other))
        assert 1.8 < more / less < 2.2


def _transects(count: int) -> list[tuple[float, float]]:
    ends = [((48.0, 11.0 + number * 1e-5), (48.02, 11.0 + number * 1e-5)) for number in range(count)]
    return [place for number, pair in enumerate(ends) for place in (pair if number % 2 else pair[::-1])]


def test_fifty_kilometres_at_45_degrees() -> None:
    """A corridor of 1 km along 50 km needs a twentieth of the tiles that the flight's box needs."""
    flight = diagonal(50_000.0)
    corridor = coverage_of(_corridor(flight, 500.0), [18]).count
    box = coverage_of(_box(flight, 500.0), [18]).count
    assert 5_500 < corridor < 5_750
    assert 126_000 < box < 129_000


def _refusal(area: Ground, zooms: list[int], max_tiles: int) -> PlanError:
    with pytest.raises(PlanError) as caught:
        coverage_of(area, zooms, max_tiles=max_tiles)
    return caught.value


def test_the_limit_itself_is_allowed() -> None:
    """Exactly as many tiles as the limit pass; one more is refused with the exact count and the way out."""
    area = _corridor(_flight("diagonal", "48"), 500.0)
    count: Coverage = coverage_of(area, [15, 16])
    assert coverage_of(area, [15, 16], max_tiles=count.count).count == count.count
    assert coverage_of(area, [16, 15, 16], max_tiles=count.count).count == count.count
    refusal = _refusal(area, [15, 16], count.count - 1)
    assert refusal.message == f"zooms 15, 16 of this area are {count.count} tiles; the limit is {count.count - 1}"
    assert (
        refusal.hint == f"Ask for fewer zooms with --zoom, or a narrower --corridor, or pass --max-tiles {count.count}."
    )


def test_a_country_at_the_finest_zoom_is_refused_with_its_count() -> None:
    """Billions of tiles of a box are counted to the last one without ever being held."""
    ground = _box(flight_of((48.0, 11.0)), 250_000.0)
    (box,) = ground.boxes
    columns, rows = (
        math.floor(end * 2**22) - math.floor(start * 2**22) + 1
        for start, end in ((box.west, box.east), (box.north, box.south))
    )
    assert columns * rows > 6_000_000_000
    refusal = _refusal(ground, [22], 1_000_000)
    assert refusal.message == f"zooms 22 of this area are {columns * rows:,} tiles; the limit is 1,000,000"
    assert "a narrower --box" in refusal.hint


def test_a_count_that_would_take_long_is_given_as_more_than() -> None:
    """A corridor as wide as a country is refused after a bounded look, which says that there are more."""
    wide = _corridor(diagonal(500_000.0), 250_000.0)
    refusal = _refusal(wide, [22], 1_000_000)
    assert "are more than " in refusal.message
    assert refusal.hint.endswith("or pass --max-tiles with a higher limit.")
