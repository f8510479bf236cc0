"""What the stores hold of a plan: by the same rule as the estimate's, in blocks, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from operator_tool.api import GapsError, PictureFormat, ProviderInfo, Tile, TileId
from operator_tool.build_cache.estimate import check_foreseen
from operator_tool.build_cache.foreseen import Foreseen, KnownTiles
from operator_tool.build_cache.freshness import FreshnessGate
from operator_tool.build_cache.plan import CachePlan, make_plan
from operator_tool.geo.coverage import TileRange
from operator_tool.tile_store import TileStore
from tests.support.bench import REQUEST, Bench
from tests.support.memory import FLIGHT, MemoryProvider

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
    with Foreseen(plan, tmp_path, FreshnessGate()) as held:
        by_zoom = {15: 0, 16: 0}
        for tiles in plan.coverage.ranges():
            by_zoom[tiles.z] += sum(count for _, count in held.known(tiles, 3).held)
    assert by_zoom == {15: plan.coverage.count_by_zoom[15], 16: 2}


def test_where_no_provider_may_be_asked_there_is_no_count(tmp_path: Path) -> None:
    """Not none held: none to be had."""
    elsewhere = ProviderInfo(dataset="set", bounds_deg=(0.0, 0.0, 1.0, 1.0))
    plan = plan_with(("elsewhere", elsewhere))
    with Foreseen(plan, tmp_path, FreshnessGate()) as held:
        for tiles in plan.coverage.ranges():
            known = held.known(tiles, 2)
            assert (known.held, sum(count for _, count in known.nowhere)) == ([], tiles.count)


def test_asking_writes_nothing(tmp_path: Path) -> None:
    """A store that isn't there is not made."""
    plan = plan_with(("fine", FINE), ("coarse", COARSE))
    with Foreseen(plan, tmp_path / "stores", FreshnessGate()) as held:
        assert held.known(next(plan.coverage.ranges()), 2) == KnownTiles([], [])
        assert held.known(TileRange(16, 0, 0, 5), 0) == KnownTiles([], [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("max_age_s", [None, 3600.0])
def test_what_is_foreseen_is_what_the_download_then_finds(tmp_path: Path, max_age_s: float | None) -> None:
    """Held, absent from one provider or from all: each tile is asked for exactly where the plan says "to fetch"."""
    bench = Bench(tmp_path)
    tiles = list(bench.orchestrator().plan(REQUEST).coverage.tiles())
    gone = {tile for tile in tiles if tile.x % 3 == 0}
    half = {tile for tile in tiles if tile.x % 2 == 0}
    first = MemoryProvider(absent=(gone | half).__contains__)
    second = MemoryProvider(absent=gone.__contains__, info=ProviderInfo(dataset="memory-2"))
    bench.providers = [("first", first), ("second", second)]
    request = msgspec.structs.replace(REQUEST, allow_gaps=len(gone), max_age_s=max_age_s)
    orchestrator = bench.orchestrator()

    before = orchestrator.estimate(orchestrator.plan(request), samples_per_zoom=0, max_age_s=max_age_s)
    report = orchestrator.download(request)
    after = orchestrator.estimate(orchestrator.plan(request), samples_per_zoom=2, max_age_s=max_age_s)

    assert (before.held, before.nowhere, before.to_fetch) == (0, 0, len(tiles))
    assert (after.held, after.nowhere, after.to_fetch) == (len(tiles) - len(gone), len(gone), 0)
    assert (report.tiles.missing, report.tiles.downloaded) == (after.nowhere, after.held)
    assert after.lacking == 0
    with Foreseen(orchestrator.plan(request), bench.stores, FreshnessGate(max_age_s=max_age_s)) as foreseen:
        nowhere = {
            TileId(row.z, x, row.y)
            for row in orchestrator.plan(request).coverage.ranges()
            for x, count in foreseen.known(row, 0).nowhere
            if count
        }
    assert nowhere == gone


def test_old_copies_are_to_be_fetched_where_an_age_is_asked_for(tmp_path: Path) -> None:
    """As the download asks for them again."""
    bench = Bench(tmp_path)
    orchestrator = bench.orchestrator()
    orchestrator.download(REQUEST)
    plan = orchestrator.plan(REQUEST)
    assert orchestrator.estimate(plan, samples_per_zoom=0, max_age_s=0.0).held == 0
    assert orchestrator.estimate(plan, samples_per_zoom=0, max_age_s=3600.0).held == plan.coverage.count


def test_known_gaps_end_the_plan_as_they_end_the_download(tmp_path: Path) -> None:
    """20 beyond what is allowed, and nothing where it is allowed; of nothing but gaps the hint is not to allow them."""
    bench = Bench(tmp_path)
    tiles = list(bench.orchestrator().plan(REQUEST).coverage.tiles())
    bench.providers = [("memory", MemoryProvider(absent=lambda tile: tile == tiles[0]))]
    orchestrator = bench.orchestrator()
    assert orchestrator.download(REQUEST).exit_code == 20
    plan = orchestrator.plan(REQUEST)
    with pytest.raises(GapsError) as caught:
        check_foreseen(plan, orchestrator.estimate(plan, samples_per_zoom=0))
    assert caught.value.exit_code == 20
    allowing = orchestrator.plan(msgspec.structs.replace(REQUEST, allow_gaps=1))
    check_foreseen(allowing, orchestrator.estimate(allowing, samples_per_zoom=0))
    nothing = ProviderInfo(dataset="set", bounds_deg=(0.0, 0.0, 1.0, 1.0))
    elsewhere = make_plan(FLIGHT, REQUEST, [("memory", nothing)])
    with pytest.raises(GapsError) as caught:
        check_foreseen(elsewhere, orchestrator.estimate(elsewhere, samples_per_zoom=1))
    assert "--allow-gaps" not in caught.value.hint
