"""What the stores hold of a plan: by the same rule as the estimate's, in blocks, and nothing is written."""

from __future__ import annotations

from pathlib import Path

from operator_tool.api import PictureFormat, ProviderInfo, Tile, TileId
from operator_tool.build_cache.held import HeldTiles
from operator_tool.build_cache.plan import CachePlan, make_plan
from operator_tool.geo.coverage import TileRange
from operator_tool.tile_store import TileStore
from tests.support.bench import REQUEST
from tests.support.memory import FLIGHT

FINE = ProviderInfo(dataset="fine", min_zoom=16)
COARSE = ProviderInfo(dataset="coarse")


def plan_with(*providers: tuple[str, ProviderInfo]) -> CachePlan:
    """Return a plan for a chain of providers."""
    return make_plan(FLIGHT, REQUEST, providers)


def fill(folder: Path, name: str, dataset: str, tiles: list[TileId]) -> None:
    """Let a store hold these tiles."""
    with TileStore.open(folder, provider=name, dataset=dataset) as store:
        for tile in tiles:
            store.put(Tile(tile, f"{tile}".encode()), PictureFormat.PNG)
        store.commit()


def test_blocks_are_counted_as_the_tiles_in_them(tmp_path: Path) -> None:
    """For each size of block, against the tiles one by one; a range may begin in the middle of a block."""
    held = [TileId(12, x, 7) for x in range(1000, 1100) if x % 3]
    fill(tmp_path, "a", "set", [*held, TileId(12, 1050, 8), TileId(13, 1050, 7)])
    with TileStore.open(tmp_path, provider="a", dataset="set") as store:
        for bits in (0, 1, 4, 12):
            expected: dict[int, int] = {}
            for tile in held:
                if 1003 <= tile.x <= 1090:
                    expected[tile.x >> bits] = expected.get(tile.x >> bits, 0) + 1
            assert store.held_counts_by_block(12, 7, 1003, 1090, bits) == sorted(expected.items())
        assert store.held_counts_by_block(12, 9, 0, 4095, 3) == []


def test_of_a_chain_the_store_of_the_provider_that_is_asked_first_counts(tmp_path: Path) -> None:
    """What another one holds spares nothing, where the first may be asked; as it is in the estimate."""
    plan = plan_with(("fine", FINE), ("coarse", COARSE))
    wanted = list(plan.coverage.tiles())
    fill(tmp_path, "coarse", "coarse", wanted)
    fill(tmp_path, "fine", "fine", [tile for tile in wanted if tile.z == 16][:2])
    with HeldTiles(plan, tmp_path) as held:
        by_zoom = {15: 0, 16: 0}
        for tiles in plan.coverage.ranges():
            by_zoom[tiles.z] += sum(count for _, count in held.count_by_block(tiles, 3) or ())
    assert by_zoom == {15: plan.coverage.count_by_zoom[15], 16: 2}


def test_where_no_provider_may_be_asked_there_is_no_count(tmp_path: Path) -> None:
    """Not none held: none to be had."""
    elsewhere = ProviderInfo(dataset="set", bounds_deg=(0.0, 0.0, 1.0, 1.0))
    plan = plan_with(("elsewhere", elsewhere))
    with HeldTiles(plan, tmp_path) as held:
        assert {held.count_by_block(tiles, 0) is None for tiles in plan.coverage.ranges()} == {True}


def test_asking_writes_nothing(tmp_path: Path) -> None:
    """A store that isn't there is not made."""
    plan = plan_with(("fine", FINE), ("coarse", COARSE))
    with HeldTiles(plan, tmp_path / "stores") as held:
        assert held.count_by_block(next(plan.coverage.ranges()), 2) == []
        assert held.count_by_block(TileRange(16, 0, 0, 5), 0) == []
    assert list(tmp_path.iterdir()) == []
