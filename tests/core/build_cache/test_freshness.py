"""How old imagery may be: by when it was fetched, and by when it was taken."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from operator_tool.api import (
    BuildCacheOutcome,
    BuildCacheRequest,
    CacheBuildReport,
    NotModified,
    ProviderInfo,
    Tile,
    TileResult,
    Unreachable,
    WantedTile,
)
from operator_tool.build_cache import supplies
from operator_tool.sectors import Sector, SectorKind
from operator_tool.tile_store import store
from tests.support.bench import REQUEST, Bench
from tests.support.memory import MemoryProvider, MemoryProvisioner, picture_of
from tests.support.pictures import real_jpeg

WEEK_S = 7 * 86_400.0
FRESH = msgspec.structs.replace(REQUEST, max_age_s=WEEK_S)
WORLD = (-180.0, -90.0, 180.0, 90.0)


class Clock:
    """The moment, as the download and the store ask for it."""

    ahead = timedelta(0)

    @classmethod
    def now(cls, zone: object) -> datetime:
        return datetime.now(UTC) + cls.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    """A clock that can be put forward."""
    monkeypatch.setattr(supplies, "datetime", Clock)
    monkeypatch.setattr(store, "datetime", Clock)
    monkeypatch.setattr(Clock, "ahead", timedelta(0))
    return Clock


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A workstation with parts in memory."""
    return Bench(tmp_path)


class Versioned:
    """A server whose pictures have ETags and change with its version."""

    def __init__(self) -> None:
        self.version = 1
        self.changed_columns = 1
        self.etags_seen: list[str | None] = []

    def provider(self, info: ProviderInfo | None = None) -> MemoryProvider:
        return MemoryProvider(answer=self.answer, info=info)

    def answer(self, wanted: WantedTile) -> TileResult:
        version = self.version if wanted.id.x % 2 < self.changed_columns else 1
        etag = f'W/"{wanted.id} v{version}"'
        self.etags_seen.append(wanted.etag)
        if wanted.etag == etag:
            return NotModified(wanted.id)
        return Tile(wanted.id, real_jpeg(f"{wanted.id} {version}"), etag)


def run(bench: Bench, provider: MemoryProvider, request: BuildCacheRequest = FRESH) -> CacheBuildReport:
    bench.providers = [("memory", provider)]
    return bench.build(request)


def test_tiles_younger_than_max_age_are_not_asked_about(bench: Bench, clock: type[Clock]) -> None:
    """And a cache of them is still right: nothing is sent."""
    server = Versioned()
    run(bench, server.provider())
    again = server.provider()
    clock.ahead = timedelta(days=6)
    assert run(bench, again).outcome == BuildCacheOutcome.NO_OP
    assert again.asked == []


def test_older_tiles_are_asked_about_with_their_etag_and_unchanged_ones_cost_no_body(
    bench: Bench, clock: type[Clock]
) -> None:
    """The ETag goes out byte for byte; a cache of tiles that are all confirmed is a no-op, and counts as fetched."""
    server = Versioned()
    first = run(bench, server.provider())
    server.etags_seen.clear()
    clock.ahead = timedelta(days=8)

    report = run(bench, server.provider())

    assert report.outcome == BuildCacheOutcome.NO_OP
    assert report.tiles.unchanged == report.tiles.reused == first.tiles.wanted
    assert (report.tiles.downloaded, report.bytes.downloaded) == (0, 0)
    assert all(etag is not None and etag.startswith('W/"') for etag in server.etags_seen)


def test_what_changed_is_fetched_built_and_reported(bench: Bench, clock: type[Clock]) -> None:
    """The same inputs, but other imagery: a new cache, in which only the changed tiles were downloaded."""
    server = Versioned()
    first = run(bench, server.provider())
    server.version = 2
    clock.ahead = timedelta(days=8)

    report = run(bench, server.provider())

    assert report.outcome == BuildCacheOutcome.SUCCESS
    changed = [tile for tile in bench.provisioner.pictures if tile.x % 2 == 0]
    assert report.tiles.downloaded == len(changed) > 0
    assert report.tiles.reused == report.tiles.unchanged == first.tiles.wanted - len(changed)
    assert all(bench.provisioner.pictures[tile] == real_jpeg(f"{tile} 2") for tile in changed)


def test_case_048_without_max_age_what_is_held_is_used(bench: Bench, clock: type[Clock]) -> None:
    """However old it is, and whatever the provider would give today: one build never mixes two states unasked."""
    server = Versioned()
    run(bench, server.provider(), REQUEST)
    clock.ahead = timedelta(days=1000)
    server.version = 2
    provider = server.provider()
    assert run(bench, provider, REQUEST).outcome == BuildCacheOutcome.NO_OP
    assert provider.asked == []


def test_an_old_tile_that_can_not_be_confirmed_is_a_gap_that_says_how_old(bench: Bench, clock: type[Clock]) -> None:
    """The operator said how old it may be at most; the copy is kept for who says otherwise."""
    run(bench, Versioned().provider())
    clock.ahead = timedelta(days=9)
    report = run(bench, MemoryProvider(answer=lambda w: Unreachable(w.id, "no network")))
    assert report.exit_code == 20
    assert set(report.tiles.by_cause) == {"unreachable"}
    assert "no network; the copy that is held was confirmed 9.0 days ago" in report.tiles.gaps[0].reason
    assert run(bench, MemoryProvider(), REQUEST).outcome == BuildCacheOutcome.NO_OP


def dated(date: str | None) -> MemoryProvider:
    return MemoryProvider(answer=lambda w: Tile(w.id, picture_of(w.id), None, date))


def sector(kind: SectorKind) -> Sector:
    return Sector(name="s", kind=kind, bounds_deg=WORLD)


SHARP = msgspec.structs.replace(REQUEST, max_gsd_m=10.0)


def months_ago(months: float) -> str:
    return (datetime.now(UTC) - timedelta(days=30.5 * months)).date().isoformat()


def test_imagery_too_old_for_an_active_conflict_is_refused_and_the_next_provider_asked(bench: Bench) -> None:
    """It is right imagery, and is kept in the store; but not for this flight."""
    bench.sectors = (sector(SectorKind.ACTIVE_CONFLICT),)
    bench.providers = [("old", dated(months_ago(7)))]
    report = bench.build(SHARP)
    assert set(report.tiles.by_cause) == {"too_old"}
    assert months_ago(7) in report.tiles.gaps[0].reason
    bench.providers = [("old", dated(months_ago(7))), ("new", dated(months_ago(2)))]
    report = bench.build(SHARP)
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert [share.tiles for share in report.provider] == [0, report.tiles.wanted]


def test_imagery_too_old_that_repeats_is_one_gap_a_tile(bench: Bench) -> None:
    """It was neither downloaded into the cache nor is it missing twice."""
    bench.sectors = (sector(SectorKind.ACTIVE_CONFLICT),)
    same = real_jpeg("the same")
    first = MemoryProvider(answer=lambda w: Tile(w.id, same, imagery_date="2020-01-01"))
    second = MemoryProvider()
    bench.providers = [("first", first), ("second", second)]
    report = bench.build(SHARP)
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert report.tiles.downloaded == report.tiles.wanted == len(second.asked) == len(set(second.asked))
    assert report.provider[0].tiles == 0


def test_old_imagery_of_a_stable_rear_is_kept_and_marked(bench: Bench) -> None:
    """Older than twelve months is downgraded; the report counts it."""
    bench.sectors = (sector(SectorKind.STABLE_REAR),)
    bench.providers = [("old", dated(months_ago(13)))]
    report = bench.build(SHARP)
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert report.tiles.downgraded == report.tiles.wanted
    assert report.provider[0].imagery_dates == (months_ago(13), months_ago(13))


def test_imagery_without_a_date_is_said_to_be_undated(bench: Bench) -> None:
    """It is not refused for it: --max-age decides."""
    bench.sectors = (sector(SectorKind.ACTIVE_CONFLICT),)
    bench.providers = [("silent", dated(None))]
    report = bench.build(SHARP)
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert report.tiles.undated == report.tiles.wanted


def test_a_cache_whose_imagery_has_become_too_old_is_no_no_op(bench: Bench, clock: type[Clock]) -> None:
    """Equal inputs, but half a year later."""
    bench.sectors = (sector(SectorKind.ACTIVE_CONFLICT),)
    bench.providers = [("sat", dated(months_ago(3)))]
    assert bench.build(SHARP).outcome == BuildCacheOutcome.SUCCESS
    assert bench.build(SHARP).outcome == BuildCacheOutcome.NO_OP
    clock.ahead = timedelta(days=120)
    report = bench.build(SHARP)
    assert (report.exit_code, set(report.tiles.by_cause)) == (20, {"too_old"})


def test_a_sector_elsewhere_changes_nothing(bench: Bench) -> None:
    """Not even the content key."""
    bench.providers = [("sat", dated(months_ago(30)))]
    key = bench.build().content_key
    bench.sectors = (Sector(name="far", kind=SectorKind.ACTIVE_CONFLICT, bounds_deg=(100.0, 0.0, 101.0, 1.0)),)
    assert bench.build().content_key == key
    bench.sectors = (sector(SectorKind.STABLE_REAR),)
    bench.provisioner = MemoryProvisioner()
    assert bench.build(SHARP).content_key != key


def test_imagery_that_is_coarser_than_allowed_is_refused_with_what_would_do(bench: Bench) -> None:
    """At the finest zoom asked for; the hint names the zoom and the option."""
    report = bench.build(msgspec.structs.replace(REQUEST, max_gsd_m=0.5))
    assert (report.exit_code, report.failure_phase) == (2, "plan")
    assert "1.63 m a pixel at latitude 47.1" in report.message
    assert "up to 18" in report.remediation
    assert bench.build(msgspec.structs.replace(REQUEST, max_gsd_m=1.64)).outcome == BuildCacheOutcome.SUCCESS


def test_large_tiles_are_sharper_and_small_ones_are_too_coarse(bench: Bench) -> None:
    """512 pixels a tile are those of the next zoom; of a chain of both the chosen size decides."""
    coarse = MemoryProvider()
    sharp = MemoryProvider(
        answer=lambda w: Tile(w.id, real_jpeg(str(w.id), 512)), info=ProviderInfo(dataset="l", tile_size_px=512)
    )
    bench.providers = [("coarse", coarse), ("sharp", sharp)]
    request = msgspec.structs.replace(REQUEST, max_gsd_m=1.0)
    assert bench.build(msgspec.structs.replace(request, tile_size_px=256)).exit_code == 2
    report = bench.build(msgspec.structs.replace(request, tile_size_px=512))
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert coarse.asked == []
    assert {tile.z for tile in sharp.asked} == {15, 16}


def test_a_sector_brings_the_limit_of_half_a_metre_with_it(bench: Bench) -> None:
    """Where an operator said that freshness matters, sharpness does."""
    bench.sectors = (sector(SectorKind.STABLE_REAR),)
    assert "coarser than 0.5 m" in bench.build().message


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(days=9 * 365)])
def test_a_copy_that_was_fetched_after_now_is_as_old_as_any(bench: Bench, clock: type[Clock], ahead: timedelta) -> None:
    """The clock was ahead when it was fetched, and is right now: it is asked for again, and then has a date."""
    clock.ahead = ahead
    provider = MemoryProvider()
    bench.providers = [("memory", provider)]
    bench.build()
    clock.ahead = timedelta(0)
    request = msgspec.structs.replace(REQUEST, max_age_s=3600.0)
    provider.asked.clear()

    report = bench.build(request)

    assert len(provider.asked) == report.tiles.wanted
    provider.asked.clear()
    assert bench.build(request).outcome == BuildCacheOutcome.NO_OP
    assert provider.asked == []


def test_an_absence_that_was_said_after_now_is_asked_about_again(bench: Bench, clock: type[Clock]) -> None:
    """Else a tile would be called absent until that day comes."""
    clock.ahead = timedelta(days=9 * 365)
    provider = MemoryProvider(absent=lambda _: True)
    bench.providers = [("memory", provider)]
    bench.build()
    clock.ahead = timedelta(0)
    bench.providers = [("memory", MemoryProvider())]
    assert bench.build().tiles.missing == 0


def test_a_date_of_imagery_that_is_still_to_come_is_none(bench: Bench) -> None:
    """It counts as undated, and stands in no range of dates."""
    dates = itertools.cycle(("2019-05-01", "2190-01-01", "soon"))
    answer = lambda wanted: Tile(wanted.id, picture_of(wanted.id), imagery_date=next(dates))  # noqa: E731
    bench.providers = [("memory", MemoryProvider(answer=answer))]
    report = bench.build()
    (share,) = report.provider
    assert share.imagery_dates == ("2019-05-01", "2019-05-01")
    assert report.tiles.undated == report.tiles.wanted - -(-report.tiles.wanted // 3)
