"""The samples of a plan are judged as the download's tiles are: what it would refuse ends the plan, too."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from operator_tool.api import (
    Absent,
    Corrupt,
    DownloadError,
    GapCause,
    GapsError,
    ProviderInfo,
    Refused,
    Tile,
    TileId,
    TileResult,
    Unreachable,
    WantedTile,
)
from operator_tool.build_cache.estimate import Estimate, check_foreseen
from operator_tool.sectors import Sector, SectorKind
from tests.support.bench import REQUEST, Bench
from tests.support.memory import MemoryProvider, picture_of
from tests.support.pictures import real_jpeg

WORLD = (-180.0, -90.0, 180.0, 90.0)
REQUEST = msgspec.structs.replace(REQUEST, max_gsd_m=10.0)


def blank() -> bytes:
    """Return a picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (256, 256), (12, 60, 200)).save(file, "PNG")
    return file.getvalue()


def tile(data: bytes, **more: str) -> Callable[[WantedTile], TileResult]:
    """Answer with these bytes."""
    return lambda wanted: Tile(wanted.id, data, **more)


def planned(bench: Bench, *providers: MemoryProvider) -> Estimate:
    """Return the estimate of a plan, of two samples a zoom; raises what the plan ends with."""
    bench.providers = [(f"p{number}", one) for number, one in enumerate(providers)]
    orchestrator = bench.orchestrator()
    plan = orchestrator.plan(REQUEST)
    estimate = orchestrator.estimate(plan, samples_per_zoom=2)
    check_foreseen(plan, estimate)
    return estimate


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (tile(real_jpeg("a")[:-200]), GapCause.CORRUPT),
        (tile(real_jpeg("a", 512)), GapCause.CORRUPT),
        (tile(b""), GapCause.CORRUPT),
        (tile(b"not a picture"), GapCause.CORRUPT),
        (tile(blank()), GapCause.PLACEHOLDER),
        (lambda wanted: Refused(wanted.id, "no"), GapCause.REFUSED),
        (lambda wanted: Corrupt(wanted.id, "text"), GapCause.CORRUPT),
    ],
    ids=["cut short", "512 px", "empty", "no picture", "one colour", "refused", "corrupt"],
)
def test_what_the_download_would_refuse_ends_the_plan(
    tmp_path: Path, answer: Callable[[WantedTile], TileResult], cause: GapCause
) -> None:
    """20, with the download's own reason; no sample of it counts as a good one, and the gaps are not to be accepted."""
    bench = Bench(tmp_path)
    with pytest.raises(GapsError) as caught:
        planned(bench, MemoryProvider(answer=answer))
    orchestrator = bench.orchestrator()
    estimate = orchestrator.estimate(orchestrator.plan(REQUEST), samples_per_zoom=2)
    assert (estimate.sampled, estimate.lacking, {one.cause for one in estimate.refused}) == (0, 4, {cause})
    assert caught.value.exit_code == 20
    assert "--allow-gaps" not in caught.value.hint
    report = orchestrator.download(REQUEST)
    assert report.exit_code == 20
    assert "--allow-gaps" not in report.remediation
    assert estimate.refused[0].reason in report.message


def test_pictures_of_another_size_name_the_setting(tmp_path: Path) -> None:
    """In the plan and in the download."""
    bench = Bench(tmp_path)
    with pytest.raises(GapsError, match="512 x 512") as caught:
        planned(bench, MemoryProvider(answer=tile(real_jpeg("a", 512))))
    report = bench.orchestrator().download(REQUEST)
    for hint in (caught.value.hint, report.remediation):
        assert "p0.tile_size" in hint
        assert "512" in hint


def test_one_picture_of_another_size_is_its_own_fault(tmp_path: Path) -> None:
    """Amid right ones it is a gap, and the settings are not blamed."""
    large: list[TileId] = []

    def answer(wanted: WantedTile) -> TileResult:
        large.extend([wanted.id] if not large else [])
        return Tile(wanted.id, real_jpeg("a", 512) if wanted.id in large else picture_of(wanted.id))

    with pytest.raises(GapsError) as caught:
        planned(Bench(tmp_path), MemoryProvider(answer=answer))
    assert "tile_size" not in caught.value.hint


def test_a_sample_that_was_damaged_on_its_way_is_asked_for_once_more(tmp_path: Path) -> None:
    """As the download does."""
    seen: set[TileId] = set()

    def answer(wanted: WantedTile) -> TileResult:
        first = wanted.id not in seen
        seen.add(wanted.id)
        return Tile(wanted.id, picture_of(wanted.id)[: -100 if first else None])

    estimate = planned(Bench(tmp_path), MemoryProvider(answer=answer))
    assert (estimate.sampled, estimate.refused) == (4, ())


def test_what_may_pass_or_what_another_may_have_ends_no_plan(tmp_path: Path) -> None:
    """A provider that can't be reached now; one that has the tile; one that fails before it was asked for it."""

    class Fails(MemoryProvider):
        def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
            raise DownloadError("it is down")

    class Half(MemoryProvider):
        def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
            yield Absent(next(wanted).id)
            raise DownloadError("it is down")

    other = MemoryProvider(info=ProviderInfo(dataset="other"))
    nothing = MemoryProvider(absent=lambda _: True)
    away = MemoryProvider(answer=lambda wanted: Unreachable(wanted.id, "away"))
    for number, chain in enumerate(((away,), (nothing, away), (nothing, Fails()), (Half(), other))):
        (folder := tmp_path / str(number)).mkdir()
        estimate = planned(Bench(folder), *chain)
        assert (estimate.lacking, estimate.refused) == (4, ())
    (folder := tmp_path / "other").mkdir()
    assert planned(Bench(folder), nothing, other).lacking == 0


@pytest.mark.parametrize(("date", "unjudged"), [(None, 4), ("soon", 4), ("2190-01-01", 4)])
def test_a_sectors_rule_that_can_t_be_applied_is_told(tmp_path: Path, date: str | None, unjudged: int) -> None:
    """In the plan, from its samples and from what is held, and in the report; it refuses none of these tiles."""
    bench = Bench(tmp_path)
    bench.sectors = (Sector(name="front", kind=SectorKind.ACTIVE_CONFLICT, bounds_deg=WORLD),)
    provider = MemoryProvider(answer=lambda wanted: Tile(wanted.id, picture_of(wanted.id), imagery_date=date))
    assert planned(bench, provider).unjudged == {"active_conflict": unjudged}
    report = bench.orchestrator().download(REQUEST)
    assert report.exit_code == 0
    assert report.tiles.unjudged == {"active_conflict": report.tiles.wanted}
    assert planned(bench, provider).unjudged == {"active_conflict": report.tiles.wanted}


def test_a_sector_refuses_old_samples_in_the_plan(tmp_path: Path) -> None:
    """As the download would refuse them."""
    bench = Bench(tmp_path)
    bench.sectors = (Sector(name="front", kind=SectorKind.ACTIVE_CONFLICT, bounds_deg=WORLD),)
    with pytest.raises(GapsError, match="too old"):
        planned(bench, MemoryProvider(answer=lambda one: Tile(one.id, picture_of(one.id), imagery_date="2001-01-01")))


@pytest.mark.parametrize(("retryable", "ends"), [(False, True), (True, False)])
def test_what_a_provider_fails_with_for_good_ends_the_plan(tmp_path: Path, retryable: bool, ends: bool) -> None:
    """As it would end the download; what may pass makes the estimate poor, and no more."""

    class Fails(MemoryProvider):
        def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
            raise DownloadError("its rows are mirrored", hint="Set layout.", retryable=retryable)

    bench = Bench(tmp_path)
    if not ends:
        assert planned(bench, Fails()).problem == "its rows are mirrored"
        return
    with pytest.raises(DownloadError) as caught:
        planned(bench, Fails())
    assert (caught.value.message, caught.value.hint, caught.value.exit_code) == (
        "its rows are mirrored",
        "Set layout.",
        20,
    )
