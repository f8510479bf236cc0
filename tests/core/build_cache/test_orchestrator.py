"""The main flow: what comes back as a report, what raises, and what is free afterwards."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    AreaRequest,
    BuildCacheOutcome,
    BuildCacheRequest,
    BuildError,
    BuildLockHeldError,
    CacheBuildReport,
    CacheOrder,
    CompanionError,
    CompanionSession,
    Deadline,
    DownloadError,
    FailurePhase,
    FlightNotFoundError,
    NotReadyError,
    OperatorToolError,
    PhaseStarted,
    ProviderInfo,
    RunFinished,
    Tile,
    TileId,
    TileResult,
    TileSupply,
    TransferError,
    TransferSummary,
    Unreachable,
    VerifyError,
    WantedTile,
)
from operator_tool.build_cache import arrivals
from operator_tool.build_cache.lock import companion_lock
from operator_tool.tile_store import TileStore
from operator_tool.tile_store.packs import PackWriter
from tests.support.bench import REQUEST, Bench
from tests.support.memory import FLIGHT, MemoryProvider, MemoryProvisioner, MemorySource, picture_of


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A workstation with parts in memory."""
    return Bench(tmp_path)


def test_a_build_ends_with_just_the_planned_tiles_on_the_companion(bench: Bench) -> None:
    """Every planned tile, byte for byte, and a report that counts them."""
    report = bench.build()

    plan = bench.orchestrator().plan(REQUEST)
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert bench.provisioner.pictures == {tile: picture_of(tile) for tile in plan.coverage.tiles()}
    assert report.tiles.wanted == report.tiles.downloaded == plan.coverage.count == len(bench.provisioner.pictures)
    assert (report.tiles.reused, report.tiles.missing) == (0, 0)
    assert report.bytes.downloaded == report.bytes.sent == sum(map(len, bench.provisioner.pictures.values()))
    assert report.content_key == bench.provisioner.current == plan.content_key
    assert report.companion is not None
    assert report.companion.generation_after == plan.content_key
    assert report.flight is not None
    assert report.flight.takeoff_origin == FLIGHT.takeoff_origin
    bench.assert_all_is_free()


def test_case_138_the_same_build_again_asks_for_no_tile_and_sends_nothing(bench: Bench) -> None:
    """Equal inputs and verified bytes are a no-op."""
    bench.build()
    asked = len(bench.providers[0][1].asked)

    report = bench.build()

    assert report.outcome == BuildCacheOutcome.NO_OP
    assert report.exit_code == 0
    assert len(bench.providers[0][1].asked) == asked
    assert report.bytes.sent == 0


def test_another_companion_is_built_from_the_store(bench: Bench) -> None:
    """What the store holds is not downloaded again."""
    bench.build()
    bench.provisioner = MemoryProvisioner()
    asked = len(bench.providers[0][1].asked)

    report = bench.build()

    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert report.tiles.reused == report.tiles.wanted
    assert len(bench.providers[0][1].asked) == asked


@pytest.mark.parametrize(
    ("where", "error", "phase"),
    [
        ("source", FlightNotFoundError("no flight F-1"), FailurePhase.FLIGHT_RESOLVE),
        ("companion", CompanionError("nobody there"), FailurePhase.COMPANION),
        ("companion", NotReadyError(("no space",)), FailurePhase.COMPANION),
        ("transfer", TransferError("link lost"), FailurePhase.TRANSFER),
        ("build", BuildError("it failed"), FailurePhase.BUILD),
        ("build", VerifyError("not what was sent"), FailurePhase.VERIFY),
    ],
)
def test_a_recognised_failure_comes_back_as_the_report(
    bench: Bench, where: str, error: OperatorToolError, phase: FailurePhase
) -> None:
    """With its phase, code, message, hint and whether to try again; everything is free, and a rerun succeeds."""
    fail_in(bench, where, error)

    report = bench.build()

    assert report.outcome == BuildCacheOutcome.FAILURE
    assert (report.failure_phase, report.exit_code) == (phase, error.exit_code)
    assert (report.message, report.remediation, report.retryable) == (error.message, error.hint, error.retryable)
    assert report.failure_exception_type == type(error).__name__
    assert bench.provisioner.current is None
    assert bench.events[-1] == RunFinished(report=report)
    bench.assert_all_is_free()
    bench.source, bench.provisioner = MemorySource(), MemoryProvisioner()
    assert bench.build().outcome == BuildCacheOutcome.SUCCESS


@pytest.mark.parametrize("where", ["source", "companion", "transfer", "build", "provider"])
def test_case_26_an_unknown_exception_propagates_unchanged_with_everything_free(bench: Bench, where: str) -> None:
    """What is not recognised is a bug, and no report hides it."""
    raised = RuntimeError("unknown")
    fail_in(bench, where, raised)

    with pytest.raises(RuntimeError) as caught:
        bench.build()
    assert caught.value is raised
    bench.assert_all_is_free()


def test_case_27_an_interrupt_in_any_phase_frees_everything(bench: Bench) -> None:
    """What ends the run is neither swallowed nor turned into a report."""

    class Interrupted(BaseException):
        """As the command line raises on SIGINT."""

    for where in ("source", "companion", "transfer", "build"):
        fail_in(bench, where, Interrupted())
        with pytest.raises(Interrupted):
            bench.build()
        bench.assert_all_is_free()


def test_case_30_a_provider_that_hangs_ends_with_the_runs_deadline(bench: Bench) -> None:
    """The run is given up, the lock is free, and the code is the download's."""
    released = threading.Event()

    def hang(tile: WantedTile) -> Unreachable:
        released.wait(60)
        return Unreachable(tile.id, "too late")

    bench.providers = [("hanging", MemoryProvider(answer=hang))]
    begun_s = time.monotonic()
    try:
        report = bench.orchestrator(deadline=Deadline.after(0.3)).build_cache(REQUEST)
    finally:
        released.set()

    assert (report.exit_code, report.failure_phase) == (20, FailurePhase.DOWNLOAD)
    assert "deadline" in report.message
    assert time.monotonic() - begun_s < 15.0
    bench.assert_all_is_free()


def test_case_20_contention_raises_and_no_phase_of_the_companion_ran(bench: Bench) -> None:
    """The lock is held elsewhere: nothing was asked, nothing was downloaded."""
    with (
        companion_lock(bench.locks, "memory memory", timeout_s=0, operator="ann", run_id="other"),
        pytest.raises(BuildLockHeldError, match="run other"),
    ):
        bench.build()

    assert bench.provisioner.orders == []
    assert bench.providers[0][1].asked == []


def test_a_flight_is_resolved_before_the_lock_is_taken(bench: Bench) -> None:
    """A flight that can't be resolved never holds up another's build."""
    free = []

    def look() -> None:
        with companion_lock(bench.locks, "memory memory", timeout_s=0, operator="t", run_id="t"):
            free.append(True)

    bench.source = MemorySource(before=look)
    assert bench.build().outcome == BuildCacheOutcome.SUCCESS
    assert free == [True]


def test_case_137_a_dry_run_writes_nothing(bench: Bench) -> None:
    """The companion is asked; no lock, no store, no tile."""
    report = bench.build(BuildCacheRequest(flight="F-1", zooms=(15,), dry_run=True))

    assert report.outcome == BuildCacheOutcome.DRY_RUN
    assert bench.provisioner.orders[0].dry_run
    assert bench.providers[0][1].asked == []
    assert list(bench.stores.iterdir()) == list(bench.locks.iterdir()) == []
    assert bench.transport.open_sessions == 0


def test_a_missing_tile_fails_the_build_and_is_named_with_its_place(bench: Bench) -> None:
    """Nothing is switched; what was got is kept, and the rerun asks only for what is missing."""
    hole = sorted(bench.orchestrator().plan(REQUEST).coverage.tiles())[3]
    bench.providers = [("memory", MemoryProvider(answer=lambda t: failing(t.id, hole)))]

    report = bench.build()

    assert (report.exit_code, report.failure_phase) == (20, FailurePhase.DOWNLOAD)
    assert report.retryable
    (gap,) = report.tiles.gaps
    assert TileId(gap.z, gap.x, gap.y) == hole
    assert (gap.cause, gap.reason) == ("unreachable", "no route to the host")
    assert 0.0 <= gap.route_m < 1000.0
    assert str(hole) in report.message
    assert bench.provisioner.current is None
    bench.providers = [("memory", MemoryProvider())]
    assert bench.build().tiles.downloaded == 1
    assert bench.providers[0][1].asked == [hole]


def failing(tile_id: TileId, hole: TileId) -> Tile | Unreachable:
    """Return the tile's picture, or its failure."""
    return Unreachable(tile_id, "no route to the host") if tile_id == hole else Tile(tile_id, picture_of(tile_id))


def test_allowed_gaps_are_reported_and_do_not_fail(bench: Bench) -> None:
    """The operator said how many; the report still lists each."""
    hole = min(bench.orchestrator().plan(REQUEST).coverage.tiles())
    bench.providers = [("memory", MemoryProvider(absent=lambda t: t == hole))]

    report = bench.build(BuildCacheRequest(flight="F-1", zooms=(15, 16), area=AreaRequest(metres=300), allow_gaps=1))

    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert (report.tiles.missing, report.tiles.absent) == (1, 1)
    assert hole not in bench.provisioner.pictures


def test_a_chain_asks_the_next_provider_for_what_the_first_has_not(bench: Bench) -> None:
    """The report says what each gave; nothing is missing."""
    every = sorted(bench.orchestrator().plan(REQUEST).coverage.tiles())
    lacking = set(every[1::2])
    first = MemoryProvider(absent=lacking.__contains__)
    second = MemoryProvider(info=ProviderInfo(dataset="memory-2"))
    bench.providers = [("first", first), ("second", second)]

    report = bench.build()

    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert sorted(second.asked) == sorted(lacking)
    assert [(share.name, share.tiles) for share in report.provider] == [
        ("first", len(every) - len(lacking)),
        ("second", len(lacking)),
    ]
    assert set(bench.provisioner.pictures) == set(every)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda t: Tile(TileId(t.id.z, t.id.x + 1000, t.id.y), b"\xff\xd8\xff"), "was not asked for"),
        (lambda t: None, "gave None, not a TileResult"),
        (lambda t: b"\xff\xd8\xff", "not a TileResult"),
        (lambda t: Tile(TileId(-1, 0, 0), b"\xff\xd8\xff"), "was not asked for"),
    ],
)
def test_case_49_and_128_an_answer_that_was_not_asked_for_is_the_plugins_failure(
    bench: Bench, answer: Callable[..., Tile], words: str
) -> None:
    """Nothing of it is stored."""
    bench.providers = [("odd", MemoryProvider(answer=answer))]
    report = bench.build()
    assert (report.exit_code, report.failure_exception_type) == (12, "PluginError")
    assert report.failure_phase == FailurePhase.DOWNLOAD
    assert words in report.message


@pytest.mark.parametrize(
    ("fetch", "words"),
    [
        (lambda _wanted: None, "not an iterator"),
        (lambda _wanted: leave(SystemExit(0)), "'memory' tried to end operator-tool: SystemExit: 0"),
        (lambda _wanted: leave(KeyboardInterrupt()), "'memory' tried to end operator-tool: KeyboardInterrupt"),
        (lambda _wanted: leave(GeneratorExit()), "'memory' tried to end operator-tool: GeneratorExit"),
        (lambda wanted: (Tile(t.id, picture_of(t.id)) for t in wanted for _ in range(2)), "was not asked for"),
        (lambda _wanted: itertools.repeat(Tile(TileId(1, 0, 0), b"")), "was not asked for"),
    ],
)
def test_case_123_and_128_a_provider_that_misbehaves_is_a_plugin_failure_of_the_download(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fetch: Callable[..., Any], words: str
) -> None:
    """Neither None, nor SystemExit, nor a tile given twice, nor a stream without end is success or a bug of ours."""
    monkeypatch.setattr(bench.providers[0][1], "fetch", fetch)
    report = bench.build()
    assert (report.exit_code, report.failure_phase) == (12, FailurePhase.DOWNLOAD)
    assert re.search(words, report.message)
    bench.assert_all_is_free()


def leave(how: BaseException) -> Iterator[Tile]:
    """Try to end the process, with success perhaps."""
    yield from ()
    raise how


def test_case_128_a_provider_that_describes_itself_wrongly_is_a_plugin_failure(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is planned with it."""
    monkeypatch.setattr(bench.providers[0][1], "describe", lambda: {"dataset": "x"})
    report = bench.build()
    assert (report.exit_code, report.failure_phase) == (12, FailurePhase.PLAN)


def test_bytes_that_are_no_picture_are_a_gap_and_never_stored(bench: Bench) -> None:
    """An error page with status 200 never becomes imagery."""
    bench.providers = [("html", MemoryProvider(answer=lambda t: Tile(t.id, b"<html>quota</html>")))]
    report = bench.build()
    assert report.exit_code == 20
    assert report.tiles.by_cause == {"corrupt": report.tiles.wanted}
    assert report.tiles.missing == report.tiles.wanted


def test_a_provider_that_fails_as_a_whole_is_a_download_failure_and_keeps_what_came(bench: Bench) -> None:
    """The tiles that had arrived are not asked for again."""
    given: list[TileId] = []

    def answer(tile: object) -> Tile:
        tile_id: TileId = tile.id  # type: ignore[attr-defined]
        if len(given) == 5:
            raise DownloadError("the key was refused", retryable=False)
        given.append(tile_id)
        return Tile(tile_id, picture_of(tile_id))

    bench.providers = [("memory", MemoryProvider(answer=answer))]
    report = bench.build()
    assert (report.exit_code, report.message, report.retryable) == (20, "the key was refused", False)
    bench.providers = [("memory", MemoryProvider())]
    again = bench.build()
    assert again.tiles.reused == 5
    assert not set(given) & set(bench.providers[0][1].asked)


def test_a_provider_that_gives_no_answer_leaves_a_gap(bench: Bench) -> None:
    """A stream that ends early is not a complete download."""

    class Silent(MemoryProvider):
        def fetch(self, wanted):  # type: ignore[no-untyped-def]
            for place, result in enumerate(super().fetch(wanted)):
                if place != 2:
                    yield result

    bench.providers = [("memory", Silent())]
    report = bench.build()
    assert report.exit_code == 20
    assert "gave no answer" in report.message


def test_a_transfer_that_fails_ends_the_download_at_once(bench: Bench) -> None:
    """Nobody waits for the rest of a large store to be looked through."""
    request = BuildCacheRequest(flight="F-1", zooms=(15, 16, 17, 18, 19), area=AreaRequest(metres=3000))
    assert bench.orchestrator().download(request).outcome == BuildCacheOutcome.SUCCESS
    fail_in(bench, "transfer", TransferError("link lost"))
    begun_s = time.monotonic()
    report = bench.build(request)
    assert (report.exit_code, report.tiles.wanted > 10_000) == (22, True)
    assert time.monotonic() - begun_s < 3.0


def test_held_tiles_come_in_batches_and_not_row_by_row(bench: Bench) -> None:
    """A build from the store offers thousands at a time."""
    bench.orchestrator().download(REQUEST)
    batches: list[str] = []
    bench.provisioner = MemoryProvisioner(before=batches.append)
    report = bench.build()
    assert report.tiles.reused == report.tiles.wanted > 10
    assert batches.count("transfer") == 1


@pytest.mark.parametrize("pulled", [0, 1, 5])
def test_a_provider_that_stops_early_leaves_gaps_and_never_half_a_cache(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, pulled: int
) -> None:
    """Tiles that it never even asked for are missing all the same."""
    provider = bench.providers[0][1]
    whole = provider.fetch
    monkeypatch.setattr(provider, "fetch", lambda wanted: whole(itertools.islice(wanted, pulled)))

    report = bench.build()

    assert (report.exit_code, report.tiles.downloaded) == (20, pulled)
    assert report.tiles.missing == report.tiles.wanted - pulled
    assert bench.provisioner.current is None


def test_a_provisioner_that_takes_fewer_tiles_than_there_are_fails_the_build(bench: Bench) -> None:
    """What is built is counted against what is wanted."""

    class Forgetful(MemoryProvisioner):
        def transfer(self, session: CompanionSession, order: CacheOrder, tiles: TileSupply) -> TransferSummary:
            sent = super().transfer(session, order, tiles)
            return msgspec.structs.replace(sent, offered_tiles=sent.offered_tiles - 1)

    bench.provisioner = Forgetful()
    report = bench.build()
    assert (report.exit_code, report.failure_phase) == (23, FailurePhase.VERIFY)
    assert bench.provisioner.current is None


def test_case_046_bit_rot_in_the_store_is_mended_within_the_run(bench: Bench) -> None:
    """A picture that can't be read back is fetched again, and the build is as if nothing had been."""
    bench.orchestrator().download(REQUEST)
    (pack,) = bench.stores.rglob("*.pack")
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    provider = MemoryProvider()
    bench.providers = [("memory", provider)]
    report = bench.build()
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert len(provider.asked) == report.tiles.downloaded == 1
    assert any("is damaged" in note for note in report.notes)
    assert all(bench.provisioner.pictures[tile] == picture_of(tile) for tile in bench.provisioner.pictures)
    assert len(bench.provisioner.pictures) == report.tiles.wanted


@pytest.mark.parametrize("step", ["append", "make_durable"])
def test_case_045_a_batch_that_can_not_be_stored_is_neither_counted_nor_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The report says what the disk said, and the batch is not handed on when the download ends."""
    monkeypatch.setattr(arrivals, "BATCH_TILES", 2 if step == "make_durable" else 2_000)
    real_step = getattr(PackWriter, step)
    calls = itertools.count()

    def full(self: PackWriter, *arguments: Any) -> Any:
        if step == "make_durable" or next(calls) == 3:
            raise DownloadError("the tile store can't be written: No space left on device")
        return real_step(self, *arguments)

    monkeypatch.setattr(PackWriter, step, full)
    report = bench.build()
    assert "No space left" in report.message
    assert (report.exit_code, report.tiles.downloaded) == (20, 0)
    assert bench.provisioner.current is None


def test_case_047_what_came_is_durable_while_a_provider_lets_wait(bench: Bench) -> None:
    """A pause of minutes holds no tile back: neither from the store nor from the companion."""
    came, release = threading.Event(), threading.Event()

    class Waits(MemoryProvider):
        def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
            for number, tile in enumerate(wanted):
                if number == 5:
                    came.set()
                    release.wait(60)
                yield Tile(tile.id, picture_of(tile.id))

    bench.providers = [("memory", Waits())]
    reports: list[CacheBuildReport] = []
    run = threading.Thread(target=lambda: reports.append(bench.orchestrator().download(REQUEST)))
    run.start()
    try:
        assert came.wait(20)
        until_s = time.monotonic() + 20
        while _stored(bench) < 5 and time.monotonic() < until_s:
            time.sleep(0.05)
        assert _stored(bench) == 5
    finally:
        release.set()
        run.join(60)
    assert reports[0].outcome == BuildCacheOutcome.SUCCESS


def _stored(bench: Bench) -> int:
    with TileStore.open(bench.stores, provider="memory", dataset="memory-1") as store:
        return store.count()


@pytest.mark.parametrize("result", ["text", 7, None])
def test_case_128_what_is_no_result_is_the_plugins_failure(bench: Bench, result: object) -> None:
    """A provider that yields something else is named as such."""
    bench.providers = [("memory", MemoryProvider(answer=lambda _wanted: result))]  # type: ignore[arg-type, return-value]
    report = bench.build()
    assert report.exit_code == 12
    assert "'memory'" in report.message


def test_case_128_data_that_are_no_bytes_are_the_plugins_failure(bench: Bench) -> None:
    """Text is not a picture."""
    bench.providers = [("memory", MemoryProvider(answer=lambda w: Tile(w.id, "text")))]  # type: ignore[arg-type]
    report = bench.build()
    assert (report.exit_code, "no bytes" in report.message) == (12, True)


def test_the_phases_are_told_in_order(bench: Bench) -> None:
    """A listener sees where the run is."""
    bench.build()
    phases = [event.phase for event in bench.events if isinstance(event, PhaseStarted)]
    assert [phase for phase in phases if phase != "download"] == ["resolve", "plan", "companion", "transfer", "build"]
    assert "download" in phases


def fail_in(bench: Bench, where: str, error: BaseException) -> None:
    """Make one phase raise."""

    def fail(phase: str = "source") -> None:
        if phase == where:
            raise error

    if where == "provider":
        bench.providers = [("memory", MemoryProvider(answer=lambda _: fail("provider")))]  # type: ignore[arg-type, return-value]
        return
    bench.source = MemorySource(before=fail if where == "source" else lambda: None)
    bench.provisioner = MemoryProvisioner(before=fail)
