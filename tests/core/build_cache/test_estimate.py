"""The estimate before a download: from a few real tiles, as ranges, and nothing is written for it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import DownloadError, ProviderInfo, Tile, TileId, TileResult, WantedTile
from operator_tool.build_cache import estimate
from operator_tool.build_cache.estimate import Estimate
from tests.support.bench import REQUEST, Bench
from tests.support.memory import MemoryProvider
from tests.support.pictures import real_jpeg


class Hangs(MemoryProvider):
    """A provider that gives one tile, and then none until the run is given up."""

    cancelled = threading.Event()

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        tile = next(wanted)
        yield Tile(tile.id, sized(tile.id))
        self.cancelled.wait(20)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A workstation with parts in memory."""
    return Bench(tmp_path)


def estimated(bench: Bench, samples: int = 3) -> Estimate:
    orchestrator = bench.orchestrator()
    return orchestrator.estimate(orchestrator.plan(REQUEST), samples_per_zoom=samples)


def sized(tile: TileId) -> bytes:
    """Return a picture whose size differs from tile to tile by a third, and from zoom to zoom by half."""
    return real_jpeg(f"{tile}" + "." * (3_000 * (tile.z - 14) + (tile.x * 7 + tile.y * 13) % 1_000))


def test_a_few_tiles_of_each_zoom_tell_the_bytes_of_all(bench: Bench) -> None:
    """The range holds what the download then takes, and is narrower than a guess."""
    provider = MemoryProvider(answer=lambda wanted: Tile(wanted.id, sized(wanted.id)))
    bench.providers = [("memory", provider)]
    told = estimated(bench)
    assert Counter(tile.z for tile in provider.asked) == {15: 3, 16: 3}
    assert len(set(provider.asked)) == told.sampled == 6
    assert told.bytes_to_fetch is not None
    low, high = told.bytes_to_fetch
    report = bench.build()
    assert low <= report.bytes.downloaded <= high < 2 * low
    assert told.tiles == report.tiles.wanted
    assert [zoom.zoom for zoom in told.by_zoom] == [15, 16]


def test_the_samples_are_spread_over_the_ground(bench: Bench) -> None:
    """Neighbours are alike: a corner of the area would tell of that corner."""
    provider = MemoryProvider()
    bench.providers = [("memory", provider)]
    plan = bench.orchestrator().plan(REQUEST)
    estimated(bench)
    tiles = [tile for tile in plan.coverage.tiles() if tile.z == 16]
    at = sorted(tiles.index(tile) / len(tiles) for tile in provider.asked if tile.z == 16)
    assert at[0] < 1 / 3 < at[1] < 2 / 3 < at[2]


def test_nothing_is_written_and_no_sample_is_asked_for_when_none_is_wanted(bench: Bench) -> None:
    """Then counts are all that is known."""
    provider = MemoryProvider()
    bench.providers = [("memory", provider)]
    told = estimated(bench, samples=0)
    assert (told.sampled, told.bytes_to_fetch, told.seconds) == (0, None, None)
    assert provider.asked == []
    estimated(bench)
    assert list(bench.stores.iterdir()) == []


def test_what_is_held_is_not_asked_for_and_costs_nothing(bench: Bench) -> None:
    """After a download nothing is left to fetch."""
    bench.build()
    again = MemoryProvider()
    bench.providers = [("memory", again)]
    told = estimated(bench)
    assert again.asked == []
    assert told.held == told.tiles
    assert told.bytes_to_fetch == (0, 0)
    assert told.seconds == (0.0, 0.0)


def test_a_provider_that_fails_makes_the_estimate_poor_and_never_an_error(bench: Bench) -> None:
    """The plan is shown all the same, with why it is poor."""

    def refuse(_wanted: WantedTile) -> TileResult:
        raise DownloadError("the key was refused")

    bench.providers = [("memory", MemoryProvider(answer=refuse))]
    told = estimated(bench)
    assert told.problem == "the key was refused"
    assert (told.bytes_to_fetch, told.seconds) == (None, None)
    assert told.tiles > 0


def test_the_next_provider_is_asked_for_what_the_first_has_not(bench: Bench) -> None:
    """As in the download; what nobody has is counted."""
    first = MemoryProvider(absent=lambda tile: tile.z == 16)
    second = MemoryProvider(absent=lambda tile: tile.x % 2 == 0)
    bench.providers = [("first", first), ("second", second)]
    told = estimated(bench, samples=8)
    assert {tile.z for tile in second.asked} == {16}
    assert told.lacking == sum(tile.x % 2 == 0 for tile in second.asked) > 0
    assert told.sampled == len(first.asked) - told.lacking


def test_what_a_later_provider_holds_spares_nothing(bench: Bench) -> None:
    """The first one is asked first."""
    bench.providers = [("second", MemoryProvider())]
    bench.build()
    first = MemoryProvider(info=ProviderInfo(dataset="first"))
    bench.providers = [("first", first), ("second", MemoryProvider())]
    told = estimated(bench)
    assert told.held == 0
    assert told.seconds is not None
    assert 0 <= told.seconds[0] <= told.seconds[1]
    coarse = MemoryProvider(info=ProviderInfo(dataset="first", max_zoom=15))
    bench.providers = [("first", coarse), ("second", MemoryProvider())]
    told = estimated(bench)
    assert {zoom.zoom: zoom.held for zoom in told.by_zoom} == {15: 0, 16: told.by_zoom[1].tiles}


def test_the_time_is_told_at_the_pace_of_the_samples(bench: Bench) -> None:
    """Ten milliseconds a tile are ten milliseconds for each that is missing."""

    def slowly(wanted: WantedTile) -> TileResult:
        time.sleep(0.01)
        return Tile(wanted.id, sized(wanted.id))

    bench.providers = [("memory", MemoryProvider(answer=slowly))]
    told = estimated(bench)
    assert told.seconds is not None
    assert told.tiles * 0.01 <= told.seconds[0] <= told.seconds[1] < told.tiles * 0.1


def test_a_provider_that_hangs_is_given_up_after_a_while(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It heeds the run's cancellation, as the contract says; what came by then counts."""
    monkeypatch.setattr(estimate, "SAMPLING_S", 0.3)
    provider = Hangs()
    bench.providers = [("memory", provider)]
    orchestrator = bench.orchestrator()
    provider.cancelled = orchestrator._context.cancelled
    began_s = time.monotonic()
    told = orchestrator.estimate(orchestrator.plan(REQUEST), samples_per_zoom=3)
    assert time.monotonic() - began_s < 10
    assert told.sampled == 1
    assert "longer than 0.3 s" in told.problem
