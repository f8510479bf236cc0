"""Only pictures of the ground become imagery: everything else is a gap with its own cause."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from operator_tool.api import (
    Absent,
    BuildCacheOutcome,
    Corrupt,
    DownloadError,
    GapCause,
    Placeholder,
    ProviderInfo,
    Refused,
    Tile,
    TileId,
    TileResult,
    TilesRefusedError,
    Unreachable,
    WantedTile,
)
from operator_tool.build_cache import arrivals, provider_pass
from tests.support.bench import REQUEST, Bench
from tests.support.memory import MemoryProvider, picture_of
from tests.support.pictures import real_jpeg


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A workstation with parts in memory."""
    return Bench(tmp_path)


def blank() -> bytes:
    """Return a picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (256, 256), (240, 240, 240)).save(out, "JPEG")
    return out.getvalue()


def tiles_of(bench: Bench) -> list[TileId]:
    return sorted(bench.orchestrator().plan(REQUEST).coverage.tiles())


ANSWERS: dict[GapCause, Callable[[TileId], TileResult]] = {
    GapCause.ABSENT: lambda t: Absent(t, "HTTP 404"),
    GapCause.REFUSED: lambda t: Refused(t, "licence"),
    GapCause.UNREACHABLE: lambda t: Unreachable(t, "reset"),
    GapCause.CORRUPT: lambda t: Corrupt(t, "torn"),
    GapCause.PLACEHOLDER: lambda t: Placeholder(t, "no-tile"),
}


def test_six_states_are_six_things_in_the_report_and_only_two_are_remembered(bench: Bench) -> None:
    """A rerun asks again for what was refused, unreachable, corrupt or a placeholder; not for what is absent."""
    every = tiles_of(bench)
    holes = dict(zip(every, ANSWERS, strict=False))

    def answer(wanted: WantedTile) -> TileResult:
        cause = holes.get(wanted.id)
        return ANSWERS[cause](wanted.id) if cause else Tile(wanted.id, picture_of(wanted.id))

    bench.providers = [("memory", MemoryProvider(answer=answer))]
    report = bench.build()

    assert report.tiles.by_cause == dict.fromkeys(map(str, ANSWERS), 1)
    assert {(gap.z, gap.x, gap.y): gap.cause for gap in report.tiles.gaps} == {
        (t.z, t.x, t.y): cause for t, cause in holes.items()
    }
    assert report.provider[0].lacked == report.tiles.by_cause
    assert report.retryable
    again = MemoryProvider()
    bench.providers = [("memory", again)]
    assert bench.build().tiles.by_cause == {"absent": 1}
    assert sorted(again.asked) == sorted(tile for tile, cause in holes.items() if cause is not GapCause.ABSENT)


@pytest.mark.parametrize(
    ("data", "cause", "words"),
    [
        (b"<html>quota</html>", GapCause.CORRUPT, "picture"),
        (picture_of(TileId(1, 1, 1))[:-20], GapCause.CORRUPT, "cut short"),
        (real_jpeg("x", 512), GapCause.CORRUPT, "512"),
        (b"\xff\xd8\xff" + bytes(5 * 1024 * 1024), GapCause.CORRUPT, "4 MiB"),
        (blank(), GapCause.PLACEHOLDER, "one colour"),
    ],
)
def test_cases_32_33_35_36_what_is_no_whole_picture_of_the_ground_is_never_stored(
    bench: Bench, data: bytes, cause: GapCause, words: str
) -> None:
    """Told by its bytes alone, before anything is decoded; the reason says what came."""
    hole = tiles_of(bench)[2]

    def answer(wanted: WantedTile) -> TileResult:
        return Tile(wanted.id, data if wanted.id == hole else picture_of(wanted.id))

    bench.providers = [("memory", MemoryProvider(answer=answer))]
    report = bench.build()
    (gap,) = report.tiles.gaps
    assert (gap.z, gap.x, gap.y, gap.cause) == (hole.z, hole.x, hole.y, cause)
    assert words in gap.reason
    assert report.exit_code == 20
    assert bench.provisioner.current is None


def test_the_declared_size_is_what_counts(bench: Bench) -> None:
    """A provider of 512-pixel tiles gives just those."""
    bench.providers = [
        (
            "large",
            MemoryProvider(
                answer=lambda w: Tile(w.id, real_jpeg(str(w.id), 512)),
                info=ProviderInfo(dataset="large", tile_size_px=512),
            ),
        )
    ]
    assert bench.build().outcome == BuildCacheOutcome.SUCCESS


def test_case_036_the_same_picture_on_many_distant_tiles_is_a_placeholder_on_all_of_them(bench: Bench) -> None:
    """Also on those that had come before it was known; nothing of it is stored or sent."""
    same = real_jpeg("no imagery here")
    every = tiles_of(bench)
    marked = set(every[::2])
    assert len(marked) >= 6
    bench.providers = [
        ("memory", MemoryProvider(answer=lambda w: Tile(w.id, same if w.id in marked else picture_of(w.id))))
    ]
    report = bench.build(msgspec.structs.replace(REQUEST, allow_gaps=len(marked)))
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert report.tiles.by_cause == {"placeholder": len(marked)}
    assert report.tiles.downloaded == len(every) - len(marked)
    assert set(bench.provisioner.pictures) == set(every) - marked


def test_case_036_placeholders_that_were_handed_on_already_are_taken_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was durable, and sent, before it was known for a placeholder is forgotten, and the run begins again."""
    monkeypatch.setattr(arrivals, "BATCH_TILES", 2)
    same = real_jpeg("no imagery here")
    every = tiles_of(bench)
    marked = set(every[::2])
    provider = MemoryProvider(answer=lambda w: Tile(w.id, same if w.id in marked else picture_of(w.id)))
    bench.providers = [("memory", provider)]
    report = bench.build(msgspec.structs.replace(REQUEST, allow_gaps=len(marked)))
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert any("turned out to be placeholders" in note for note in report.notes)
    assert set(bench.provisioner.pictures) == set(every) - marked
    assert report.tiles.by_cause == {"placeholder": len(marked)}
    assert len(provider.asked) == len(every) + len(marked)


def test_case_036_placeholders_of_an_earlier_run_are_found_out_with_those_of_this_one(bench: Bench) -> None:
    """A run that was broken off has stored a few: too few to tell. None of them is flown with."""
    same = real_jpeg("no imagery here")
    every = tiles_of(bench)
    marked = set(every[:5] + every[-3:])
    came = 0

    def breaks_off(wanted: WantedTile) -> TileResult:
        nonlocal came
        came += 1
        if came > 8:
            raise DownloadError("the link broke")
        return answer(wanted)

    def answer(wanted: WantedTile) -> TileResult:
        return Tile(wanted.id, same if wanted.id in marked else picture_of(wanted.id))

    bench.providers = [("memory", MemoryProvider(answer=breaks_off))]
    assert bench.build().message == "the link broke"
    bench.providers = [("memory", MemoryProvider(answer=answer))]
    report = bench.build(msgspec.structs.replace(REQUEST, allow_gaps=len(marked)))
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert report.tiles.by_cause == {"placeholder": len(marked)}
    assert report.tiles.downloaded + report.tiles.reused + report.tiles.missing == len(every)
    assert set(bench.provisioner.pictures) == set(every) - marked
    third = MemoryProvider(answer=answer)
    bench.providers = [("memory", third)]
    bench.provisioner.current = None
    assert bench.build(msgspec.structs.replace(REQUEST, allow_gaps=len(marked))).tiles.missing == len(marked)
    assert set(third.asked) == marked, "a placeholder is not remembered"


def test_a_placeholder_that_is_found_out_in_the_no_op_check_makes_a_build_of_it(bench: Bench) -> None:
    """The cache on the drone has it; the check alone must not end the run."""
    same = real_jpeg("no imagery here")
    every = tiles_of(bench)
    marked = set(every[:5])

    def answer(wanted: WantedTile) -> TileResult:
        return Tile(wanted.id, same if wanted.id in marked else picture_of(wanted.id))

    request = msgspec.structs.replace(REQUEST, allow_gaps=20, max_age_s=0.0)
    bench.providers = [("memory", MemoryProvider(answer=answer))]
    assert bench.build(request).tiles.missing == 0, "five are too few to tell"
    marked |= set(every[-3:])
    report = bench.build(request)
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert report.tiles.by_cause == {"placeholder": len(marked)}
    assert set(bench.provisioner.pictures) == set(every) - marked


def test_imagery_that_says_it_is_made_up_is_not_judged_by_its_looks(bench: Bench) -> None:
    """A rig's provider may give one picture for all."""
    bench.providers = [
        (
            "rig",
            MemoryProvider(answer=lambda w: Tile(w.id, blank()), info=ProviderInfo(dataset="rig", synthetic=True)),
        )
    ]
    assert bench.build().outcome == BuildCacheOutcome.SUCCESS


@pytest.mark.parametrize("first", ["torn", "unreachable"])
def test_a_tile_that_came_torn_or_not_at_all_is_asked_for_once_more(bench: Bench, first: str) -> None:
    """A connection without a length can be cut without anybody noticing but us; an outage may be over at the end."""
    torn: set[TileId] = set()

    def answer(wanted: WantedTile) -> TileResult:
        data = picture_of(wanted.id)
        if wanted.id.x % 2 and wanted.id not in torn:
            torn.add(wanted.id)
            return Tile(wanted.id, data[:-9]) if first == "torn" else Unreachable(wanted.id, "reset")
        return Tile(wanted.id, data)

    provider = MemoryProvider(answer=answer)
    bench.providers = [("memory", provider)]
    report = bench.build()
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert torn
    assert len(provider.asked) == report.tiles.wanted + len(torn)


def test_a_provider_whose_first_answers_are_all_wrong_ends_the_download_soon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator doesn't wait an hour for a wrong setting."""
    monkeypatch.setattr(provider_pass, "SECOND_LOOKS", 3)
    provider = MemoryProvider(answer=lambda w: Tile(w.id, real_jpeg(str(w.id), 512)))
    bench.providers = [("memory", provider)]
    report = bench.build()
    assert (report.exit_code, report.retryable) == (20, False)
    assert "512 x 512" in report.message
    assert "tile_size" in report.remediation
    assert len(provider.asked) < 10 < report.tiles.wanted


def test_a_chain_says_of_each_gap_what_each_provider_said(bench: Bench) -> None:
    """And the cause that there is most to be done about names it."""
    hole = tiles_of(bench)[0]
    first = MemoryProvider(
        answer=lambda w: Unreachable(w.id, "reset") if w.id == hole else Tile(w.id, picture_of(w.id))
    )
    second = MemoryProvider(info=ProviderInfo(dataset="far", bounds_deg=(100.0, 0.0, 101.0, 1.0)))
    third = MemoryProvider(info=ProviderInfo(dataset="coarse", max_zoom=10))
    bench.providers = [("first", first), ("second", second), ("third", third)]
    report = bench.build()
    (gap,) = report.tiles.gaps
    assert gap.cause is GapCause.UNREACHABLE
    assert gap.reason.startswith("first: reset; by its metadata second covers only")
    assert gap.reason.endswith("third ends at zoom 10")
    assert second.asked == third.asked == []
    assert [share.lacked for share in report.provider] == [{"unreachable": 1}, {"out_of_bounds": 1}, {"too_coarse": 1}]


def test_a_provider_that_may_not_be_downloaded_from_is_refused_before_anything(bench: Bench) -> None:
    """Its terms are part of what it says of itself."""
    provider = MemoryProvider(info=ProviderInfo(dataset="osm", bulk_download=False))
    bench.providers = [("osm", provider)]
    report = bench.build()
    assert (report.exit_code, report.retryable) == (20, False)
    assert "terms" in report.message
    assert provider.asked == []


class RefusingProvider(MemoryProvider):
    """Refuses all that it is asked for, and says so at the end."""

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        self.asked += [tile.id for tile in wanted]
        if self.asked:
            raise TilesRefusedError("refused")
        yield from ()


def test_tiles_that_are_refused_again_are_gaps_where_the_others_are_held(bench: Bench) -> None:
    """Only the refused ones are asked for by a rerun, so that all that it asks for is refused, and no key is wrong."""
    first = tiles_of(bench)[0]
    bench.providers = [("memory", MemoryProvider(answer=lambda t: Refused(t.id, "no") if t.id == first else _given(t)))]
    assert bench.build().outcome is BuildCacheOutcome.FAILURE
    refusing = RefusingProvider()
    bench.providers = [("memory", refusing)]
    report = bench.build(msgspec.structs.replace(REQUEST, allow_gaps=1))
    assert report.outcome is BuildCacheOutcome.SUCCESS
    assert report.tiles.by_cause == {"refused": 1}
    assert refusing.asked == [first]


def test_a_provider_that_refuses_all_ends_the_run_where_none_of_it_is_held(bench: Bench) -> None:
    """A wrong key is no gap, whatever is allowed."""
    bench.providers = [("memory", RefusingProvider())]
    report = bench.build(msgspec.structs.replace(REQUEST, allow_gaps=10_000))
    assert (report.outcome, report.failure_exception_type) == (BuildCacheOutcome.FAILURE, "TilesRefusedError")


def _given(tile: WantedTile) -> Tile:
    return Tile(tile.id, picture_of(tile.id))
