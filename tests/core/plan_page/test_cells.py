"""The tiles as cells: exact where each is drawn, counted where many are one, and never more than can be seen."""

from __future__ import annotations

import itertools

import pytest

from operator_tool.api import AreaKind, AreaRequest, TileId
from operator_tool.build_cache.foreseen import KnownTiles
from operator_tool.geo.coverage import TileRange
from operator_tool.plan_page.cells import LEAST_CELL, CellState, Layer, ZoomLayers, layers_of
from operator_tool.plan_page.frame import frame_of

from .plans import CHECKERED, EVERYTHING, LEG, NOTHING, flight_of, holding, plan_of

ODD = holding(lambda tile: (tile.x + tile.y) % 2 == 1)


def drawn(layer: Layer) -> dict[tuple[int, int], CellState]:
    """Return the state of each cell, brought back to the first turn around the earth."""
    side = 1 << (layer.zoom - layer.bits)
    return {(x % side, run.y): run.state for run in layer.runs for x in range(run.x0, run.x1 + 1)}


def test_every_tile_is_a_cell_where_there_is_room() -> None:
    """The very tiles of the coverage, each as it is held."""
    plan = plan_of(flight_of(*LEG))
    layers = layers_of(plan.coverage.ranges(), plan.zooms, frame_of(plan.ground.extent()), ODD)
    for one in layers:
        assert one.large.bits == 0
        tiles = [tile for tile in plan.coverage.tiles() if tile.z == one.large.zoom]
        assert drawn(one.large) == {
            (tile.x, tile.y): CellState.HELD if (tile.x + tile.y) % 2 else CellState.MISSING for tile in tiles
        }
        assert one.count.wanted == len(tiles)
        assert one.count.held == sum((tile.x + tile.y) % 2 for tile in tiles)


def test_many_tiles_become_one_cell_that_says_whether_all_some_or_none_are_held() -> None:
    """Counted against the tiles one by one."""
    plan = plan_of(flight_of(*LEG), zooms=(21, 22))
    west = holding(lambda tile: tile.x % 1024 < 700 and tile.y % 7 != 0)
    for one in layers_of(plan.coverage.ranges(), plan.zooms, frame_of(plan.ground.extent()), west):
        layer = one.large
        assert layer.bits > 0
        assert layer.cell >= LEAST_CELL
        wanted: dict[tuple[int, int], list[bool]] = {}
        for tile in plan.coverage.tiles():
            if tile.z == layer.zoom:
                at = tile.x >> layer.bits, tile.y >> layer.bits
                wanted.setdefault(at, []).append(tile.x % 1024 < 700 and tile.y % 7 != 0)
        expected = {
            at: CellState.HELD if all(held) else CellState.PART if any(held) else CellState.MISSING
            for at, held in wanted.items()
        }
        assert drawn(layer) == expected
        assert len(set(expected.values())) == 3
        assert one.count.held == sum(map(sum, wanted.values()))


def test_a_zoom_has_the_same_counts_however_it_is_drawn() -> None:
    """The small map stands for the same tiles."""
    plan = plan_of(flight_of(*LEG), zooms=(19,))
    (one,) = layers_of(plan.coverage.ranges(), plan.zooms, frame_of(plan.ground.extent()), EVERYTHING)
    by = one.small.bits - one.large.bits
    assert by > 0
    assert set(drawn(one.small)) == {(x >> by, y >> by) for x, y in drawn(one.large)}
    assert set(drawn(one.small).values()) == {CellState.HELD}


def test_tiles_that_no_provider_has_are_told() -> None:
    """They will be gaps, whatever is fetched."""
    plan = plan_of(flight_of(*LEG), zooms=(17,))

    def nowhere_in_the_north(tiles: TileRange, bits: int) -> KnownTiles:
        if tiles.y != next(plan.coverage.ranges()).y:
            return NOTHING(tiles, bits)
        assert bits == 0
        return KnownTiles([], [(x, 1) for x in range(tiles.x0, tiles.x1 + 1)])

    (one,) = layers_of(plan.coverage.ranges(), plan.zooms, frame_of(plan.ground.extent()), nowhere_in_the_north)
    assert one.large.runs[0].state is CellState.NOWHERE
    assert {run.state for run in one.large.runs[1:]} == {CellState.MISSING}
    assert one.count.nowhere == next(plan.coverage.ranges()).count


def test_across_the_antimeridian_the_cells_are_one_picture() -> None:
    """Every row's cells follow one another, from one side to the other."""
    plan = plan_of(flight_of((-16.9, 179.98), (-16.9, -179.98)), zooms=(16,))
    frame = frame_of(plan.ground.extent())
    (one,) = layers_of(plan.coverage.ranges(), plan.zooms, frame, NOTHING)
    rows: dict[int, list[int]] = {}
    for run in one.large.runs:
        rows.setdefault(run.y, []).extend(range(run.x0, run.x1 + 1))
    for cells in rows.values():
        ordered = sorted(cells)
        assert all(after == before + 1 for before, after in itertools.pairwise(ordered))
        assert ordered[0] < 0 <= ordered[-1] or ordered[0] < 1 << 16 <= ordered[-1]
        assert frame.holds(one.large.left + ordered[-1] * one.large.cell, frame.height / 2)


def most_runs(layers: list[ZoomLayers]) -> int:
    """Return how many runs all zooms have together."""
    return sum(len(one.large.runs) for one in layers)


def test_millions_of_tiles_full_of_holes_are_drawn_in_bounds() -> None:
    """A checkerboard is the worst that a store can be: no two neighbours are one run."""
    box = AreaRequest(kind=AreaKind.BOX, metres=30_000)
    plan = plan_of(flight_of((48.0, 11.0), (48.5, 11.8)), area=box, zooms=tuple(range(8, 20)))
    assert plan.coverage.count > 3_000_000

    layers = layers_of(plan.coverage.ranges(), plan.zooms, frame_of(plan.ground.extent()), CHECKERED)
    assert 20_000 < most_runs(layers) <= 80_000
    assert sum(one.count.wanted for one in layers) == plan.coverage.count


@pytest.mark.parametrize("zoom", [0, 3])
def test_a_tile_larger_than_the_picture_is_a_cell_too(zoom: int) -> None:
    """At zoom 0 the world is one."""
    plan = plan_of(flight_of(*LEG), zooms=(zoom,))
    (one,) = layers_of(plan.coverage.ranges(), plan.zooms, frame_of(plan.ground.extent()), NOTHING)
    (tile,) = plan.coverage.tiles()
    assert drawn(one.large) == {(tile.x, tile.y): CellState.MISSING}
    assert isinstance(tile, TileId)
