"""What the orchestrator costs over the same work by hand: 1,000 tiles of 8 to 25 kB, all in memory but the store.

By hand the same parts, store, lock and plan are called one after the other in one thread.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tile_download.pictures import imagery_jpegs

from operator_tool.api import AreaRequest, BuildCacheRequest, CacheGaps, CacheOrder, RunContext, TileRecord
from operator_tool.api.tiles import Tile, TileId, WantedTile
from operator_tool.build_cache.arrivals import BATCH_TILES
from operator_tool.build_cache.lock import companion_lock
from operator_tool.build_cache.orchestrator import Orchestrator
from operator_tool.build_cache.parts import Parts
from operator_tool.build_cache.plan import CachePlan, make_plan
from operator_tool.pictures import check_picture
from operator_tool.tile_store import TileStore
from tests.support.memory import FLIGHT, MemoryProvider, MemoryProvisioner, MemorySource, MemoryTransport

RUNS = 31
REQUEST = BuildCacheRequest(flight="F-1", zooms=(15, 16, 17, 18, 19), area=AreaRequest(metres=580.0))


class Pictures:
    """A provider's pictures, made before anything is timed."""

    def __init__(self) -> None:
        plan = make_plan(FLIGHT, REQUEST, [("memory", MemoryProvider().describe())])
        made = imagery_jpegs(plan.coverage.count)
        self._by_tile = {tile: Tile(tile, data) for tile, data in zip(plan.coverage.tiles(), made, strict=True)}

    def provider(self) -> MemoryProvider:
        """Return a provider that gives them."""
        return MemoryProvider(answer=lambda wanted: self._by_tile[wanted.id])


class _Supply:
    """The tiles of the work by hand."""

    def __init__(self, store: TileStore, records: list[TileRecord]) -> None:
        self.read = store.read
        self._records = records

    def batches(self) -> list[list[TileRecord]]:
        return [self._records]

    def gaps(self) -> CacheGaps:
        return CacheGaps()


def _lacking(store: TileStore, plan: CachePlan) -> Iterator[WantedTile]:
    """Yield what the store does not hold, and the provider did not call absent before."""
    for tiles in plan.coverage.ranges():
        known = {tile.record.id.x for tile in store.held(tiles.z, tiles.y, tiles.x0, tiles.x1)}
        known.update(store.absent(tiles.z, tiles.y, tiles.x0, tiles.x1))
        for x in range(tiles.x0, tiles.x1 + 1):
            if x not in known:
                yield WantedTile(TileId(tiles.z, x, tiles.y))


def by_hand(folder: Path, pictures: Pictures) -> int:
    """Resolve, plan, lock, fetch, store, send and build, one after the other."""
    provider, provisioner, transport = pictures.provider(), MemoryProvisioner(), MemoryTransport()
    info = provider.describe()
    plan = make_plan(MemorySource().resolve("F-1"), REQUEST, [("memory", info)])
    order = CacheOrder(
        run_id="r",
        inputs=plan.inputs,
        content_key=plan.content_key,
        flight=plan.flight,
        wanted_tiles=plan.coverage.count,
        bounds_deg=plan.coverage.bounds_deg,
    )
    with companion_lock(folder, "memory", timeout_s=0, operator="me", run_id="r"), transport.connect() as session:
        provisioner.prepare(session, order)
        with TileStore.open(folder, provider="memory", dataset=info.dataset) as store:
            records = []
            for result in provider.fetch(_lacking(store, plan)):
                assert isinstance(result, Tile)
                picture_format = check_picture(result.data, size_px=info.tile_size_px)
                records.append(store.put(result, picture_format))
                if store.pending_tiles >= BATCH_TILES:
                    store.commit()
            store.commit()
            sent = provisioner.transfer(session, order, _Supply(store, records))  # type: ignore[arg-type]
            return provisioner.build(session, order, sent).tiles


def orchestrated(folder: Path, pictures: Pictures) -> int:
    """The same, by the orchestrator."""
    parts = Parts(
        flight_source=MemorySource(FLIGHT),
        providers=(("memory", pictures.provider()),),
        transport_name="memory",
        transport=MemoryTransport(),
        provisioner=MemoryProvisioner(),
    )
    context = RunContext(run_id="r", state_dir=folder)
    report = Orchestrator(parts, context, stores_dir=folder, locks_dir=folder).build_cache(REQUEST)
    assert report.exit_code == 0, report.message
    return report.tiles.wanted


def timed(work: Callable[[Path, Pictures], int], pictures: Pictures) -> tuple[float, int]:
    """Return the wall time of one run in a fresh folder, and its tiles."""
    folder = Path(tempfile.mkdtemp())
    try:
        begun = time.perf_counter()
        tiles = work(folder, pictures)
        return time.perf_counter() - begun, tiles
    finally:
        shutil.rmtree(folder)


def section() -> str:
    """Return the section of the benchmarks' page."""
    pictures = Pictures()
    hand, ours, ratios, tiles = [], [], [], 0
    for run in range(RUNS + 1):
        one, tiles = timed(by_hand, pictures)
        other, _ = timed(orchestrated, pictures)
        if run:
            hand.append(one)
            ours.append(other)
            ratios.append(other / one)
    return (
        f"## The orchestrator over the same work by hand\n\n{tiles:,} tiles of 8 to 25 kB, parts in memory, the store "
        f"on disk; median of {RUNS} pairs.\n\n| | ms |\n|---|---|\n"
        f"| by hand | {statistics.median(hand) * 1000:.0f} |\n| orchestrator | {statistics.median(ours) * 1000:.0f} |\n"
        f"| ratio, pair by pair | {statistics.median(ratios):.2f} |\n"
    )


if __name__ == "__main__":
    print(section())
