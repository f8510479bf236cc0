"""Which sector a tile lies in: the strictest that it has ground in common with."""

from __future__ import annotations

import math
import random
from itertools import pairwise

from operator_tool.api import TileId
from operator_tool.geo.mercator import tile_bounds_deg
from operator_tool.sectors import Bounds, Sector, SectorKind, SectorMap, sector_kind_of
from operator_tool.sectors import sector_map as module
from operator_tool.sectors.geojson import bounds_of
from operator_tool.sectors.sector import Polygon

CONFLICT, REAR = SectorKind.ACTIVE_CONFLICT, SectorKind.STABLE_REAR
TILE = TileId(10, 535, 358)


def box(bounds_deg: Bounds, kind: SectorKind = CONFLICT) -> Sector:
    return Sector(name="box", kind=kind, bounds_deg=bounds_deg)


def area(*polygons: Polygon, kind: SectorKind = CONFLICT) -> Sector:
    return Sector(name="area", kind=kind, bounds_deg=bounds_of(polygons), polygons_deg=polygons)


def ring(west: float, south: float, east: float, north: float) -> tuple[tuple[float, float], ...]:
    return ((west, south), (east, south), (east, north), (west, north), (west, south))


def around(tile: TileId, margin_deg: float = 0.0) -> Bounds:
    """Return the bounds of a tile, so much wider on each side."""
    west, south, east, north = tile_bounds_deg(tile)
    return west - margin_deg, south - margin_deg, east + margin_deg, north + margin_deg


def neighbours(tile: TileId) -> list[TileId]:
    return [TileId(tile.z, tile.x + dx, tile.y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]


def test_a_box_of_one_tile_touches_this_tile_and_those_above_and_below_it() -> None:
    """And none of its neighbours, which have but an edge in common with it."""
    sectors = (box(around(TILE)),)
    assert sector_kind_of(TILE, sectors) is CONFLICT
    assert sector_kind_of(TileId(9, TILE.x // 2, TILE.y // 2), sectors) is CONFLICT
    assert sector_kind_of(TileId(0, 0, 0), sectors) is CONFLICT
    assert sector_kind_of(TileId(12, TILE.x * 4 + 3, TILE.y * 4), sectors) is CONFLICT
    assert [sector_kind_of(tile, sectors) for tile in neighbours(TILE)] == [None] * 8


def test_a_box_that_is_a_little_wider_touches_all_neighbours() -> None:
    """A strip of a millionth of a degree is ground in common."""
    sectors = (box(around(TILE, 1e-6)),)
    assert [sector_kind_of(tile, sectors) for tile in neighbours(TILE)] == [CONFLICT] * 8


def test_a_sector_within_one_tile_touches_that_tile() -> None:
    """Whether it is a box or a polygon."""
    west, south, east, north = tile_bounds_deg(TILE)
    small = (west + (east - west) * 0.4, south + (north - south) * 0.4, west + (east - west) * 0.41, north - 1e-3)
    for sector in (box(small), area((ring(*small),))):
        assert sector_kind_of(TILE, (sector,)) is CONFLICT
        assert [sector_kind_of(tile, (sector,)) for tile in neighbours(TILE)] == [None] * 8


def test_a_box_across_the_antimeridian_is_on_both_sides_of_it() -> None:
    """West is greater than east; the rest of the earth is outside."""
    sectors = (box((179.0, -10.0, -179.0, 10.0)),)
    z, side = 8, 256
    y = side // 2
    assert {x for x in range(side) if sector_kind_of(TileId(z, x, y), sectors)} == {0, 255}


def test_a_box_that_begins_at_180_is_the_west_of_the_map_alone() -> None:
    """No strip of no width is left at the other end."""
    sectors = (box((180.0, -10.0, -170.0, 10.0)),)
    assert {x for x in range(32) if sector_kind_of(TileId(5, x, 16), sectors)} == {0}


def test_the_whole_world_is_every_tile() -> None:
    """Up to the corners of the map."""
    sectors = (box((-180.0, -90.0, 180.0, 90.0), REAR),)
    corners = [TileId(7, x, y) for x in (0, 127) for y in (0, 127)]
    assert [sector_kind_of(tile, sectors) for tile in [*corners, TileId(0, 0, 0), TILE]] == [REAR] * 6


def test_the_strictest_kind_counts_in_whichever_order() -> None:
    """Where two overlap."""
    strict, mild = box(around(TILE), CONFLICT), box(around(TILE, 1.0), REAR)
    for sectors in ((strict, mild), (mild, strict)):
        assert sector_kind_of(TILE, sectors) is CONFLICT
        assert [sector_kind_of(tile, sectors) for tile in neighbours(TILE)] == [REAR] * 8
        assert sector_kind_of(TileId(12, TILE.x * 4 + 1, TILE.y * 4 + 1), sectors) is CONFLICT


def test_without_sectors_no_tile_has_a_kind() -> None:
    """None is not stable."""
    assert sector_kind_of(TILE, ()) is None
    assert SectorMap([]).kind_of(TileId(0, 0, 0)) is None


def test_a_hole_is_outside() -> None:
    """A tile wholly within it has no kind; one across its edge has."""
    sectors = (area((ring(0.0, 0.0, 40.0, 40.0), ring(10.0, 10.0, 30.0, 30.0))),)
    inner = SectorMap(sectors)
    assert inner.kind_of(TileId(8, 142, 113)) is None  # 20 degrees east, 20 north
    assert inner.kind_of(TileId(8, 131, 124)) is CONFLICT  # 5 east, 5 north
    assert inner.kind_of(TileId(2, 2, 1)) is CONFLICT


def test_two_polygons_are_one_area() -> None:
    """Between them is outside."""
    sectors = (area((ring(0.0, 1.0, 5.0, 5.0),), (ring(10.0, 1.0, 15.0, 5.0),)),)
    found = [sector_kind_of(TileId(8, 128 + round(lon / 360 * 256), 125), sectors) for lon in (2.0, 7.5, 12.0)]
    assert found == [CONFLICT, None, CONFLICT]


def test_random_polygons_give_what_looking_at_each_alone_gives() -> None:
    """What is inherited from above, also after it was thrown away, is what the definition says of each tile."""
    source = random.Random(20260311)
    for _ in range(15):
        sectors = tuple(
            area((blob(source),), kind=source.choice((CONFLICT, REAR))) for _ in range(source.randrange(1, 6))
        )
        fast, forgetful = SectorMap(sectors), SectorMap(sectors)
        for _ in range(300):
            z = source.randrange(4, 13)
            side = 2**z / 360
            tile = TileId(z, int((195 + source.uniform(-6, 6)) * side), int((165 + source.uniform(-8, 4)) * side))
            expected = by_definition(tile, sectors)
            forgetful._known.clear()
            assert fast.kind_of(tile) is forgetful.kind_of(tile) is sector_kind_of(tile, sectors) is expected


def test_what_is_kept_has_a_limit() -> None:
    """A million tiles take no more memory than a thousand."""
    sectors = SectorMap((area((blob(random.Random(1)),)),))
    for x in range(20_000):
        sectors.kind_of(TileId(20, 500_000 + x * 3, 470_000))
        assert len(sectors._known) <= module._MOST_KEPT


def blob(source: random.Random) -> tuple[tuple[float, float], ...]:
    """Return a ring without self-intersection around a place near 15 degrees east, 15 north."""
    lon, lat, count = 15 + source.uniform(-3, 3), 15 + source.uniform(-3, 3), source.randrange(3, 30)
    corners = [
        (lon + r * math.cos(i / count * math.tau), lat + r * math.sin(i / count * math.tau))
        for i, r in enumerate(source.uniform(0.3, 3.0) for _ in range(count))
    ]
    return (*corners, corners[0])


def by_definition(tile: TileId, sectors: tuple[Sector, ...]) -> SectorKind | None:
    """Judge a tile by itself: an edge runs through it, or its middle lies in the polygon."""
    kinds = {sector.kind for sector in sectors if any(shares_ground(tile, one) for one in sector.ground_deg)}
    return CONFLICT if CONFLICT in kinds else REAR if kinds else None


def shares_ground(tile: TileId, polygon: Polygon) -> bool:
    west, south, east, north = tile_bounds_deg(tile)
    corners = polygon[0]
    for (x0, y0), (x1, y1) in pairwise(corners):
        # A thousand points of each edge: any that is inside of the tile is ground in common.
        if max(x0, x1) < west or min(x0, x1) > east or max(y0, y1) < south or min(y0, y1) > north:
            continue
        cuts = sorted(
            t
            for t in (
                0.0,
                1.0,
                *((edge - x0) / (x1 - x0) for edge in (west, east) if x1 != x0),
                *((edge - y0) / (y1 - y0) for edge in (south, north) if y1 != y0),
            )
            if 0 <= t <= 1
        )
        for first, last in pairwise(cuts):
            middle = (first + last) / 2
            if west < x0 + middle * (x1 - x0) < east and south < y0 + middle * (y1 - y0) < north:
                return True
    return winding(corners, (west + east) / 2, (south + north) / 2) != 0


def winding(corners: tuple[tuple[float, float], ...], x: float, y: float) -> int:
    """Return how often a ring goes around a point, by the sum of the angles."""
    total = 0.0
    for (x0, y0), (x1, y1) in pairwise(corners):
        turned = math.atan2(y1 - y, x1 - x) - math.atan2(y0 - y, x0 - x)
        total += math.remainder(turned, math.tau)
    return round(total / math.tau)
