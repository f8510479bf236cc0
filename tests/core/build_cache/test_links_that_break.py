"""A link that breaks is taken up again, as long as that makes sense; what it can't be is a hang or a half build."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import (
    BuildCacheOutcome,
    CacheOrder,
    CompanionError,
    CompanionIdentity,
    CompanionSession,
    CompanionState,
    FailurePhase,
    LinkError,
    LinkStalledError,
    Notice,
    RemoteBuildReport,
    TileRecord,
    TileSupply,
    TransferSummary,
)
from operator_tool.build_cache import companion_link
from tests.support.bench import Bench
from tests.support.memory import MemoryProvisioner, MemorySession, MemoryTransport


class FlakyProvisioner(MemoryProvisioner):
    """A companion in memory whose link breaks before given calls, counted by phase from 1."""

    def __init__(self, breaks: dict[str, set[int]], error: Callable[[], LinkError] | None = None) -> None:
        super().__init__()
        self.calls: dict[str, int] = {"companion": 0, "transfer": 0, "build": 0}
        self._breaks = breaks
        self._error = error or (lambda: LinkError("the link was lost"))

    def _call(self, phase: str) -> None:
        self.calls[phase] += 1
        if self.calls[phase] in self._breaks.get(phase, ()):
            raise self._error()

    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        self._call("companion")
        return super().prepare(session, order)

    def transfer(self, session: CompanionSession, order: CacheOrder, tiles: TileSupply) -> TransferSummary:
        first: TileRecord = next(batch for batch in tiles.batches() if batch)[0]
        tiles.read(first)
        self._call("transfer")
        return super().transfer(session, order, tiles)

    def build(self, session: CompanionSession, order: CacheOrder, transferred: TransferSummary) -> RemoteBuildReport:
        self._call("build")
        return super().build(session, order, transferred)


class FailingTransport(MemoryTransport):
    """A transport whose ``connect`` fails with what it is given, call by call; None lets it through."""

    def __init__(self, *answers: CompanionError | None) -> None:
        super().__init__()
        self.connects = 0
        self._answers = list(answers)

    def connect(self) -> CompanionSession:
        self.connects += 1
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer
        return super().connect()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A workstation with parts in memory that loses no time between two attempts."""
    monkeypatch.setattr(companion_link, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(companion_link, "_LONGEST_PAUSE_S", 0.01)
    return Bench(tmp_path)


@pytest.mark.parametrize("phase", ["companion", "transfer", "build"])
def test_case_067_a_link_that_breaks_is_taken_up_again(bench: Bench, phase: str) -> None:
    """In any phase: the run ends well, says how often the link broke, and leaves nothing open."""
    bench.provisioner = FlakyProvisioner({phase: {1, 2}})
    report = bench.build()
    assert (report.outcome, report.exit_code) == (BuildCacheOutcome.SUCCESS, 0)
    assert report.companion is not None
    assert report.companion.reconnects == 2
    assert sum(isinstance(e, Notice) and "connecting again" in e.text for e in bench.events) == 2
    assert len(bench.provisioner.pictures) == report.tiles.wanted
    bench.assert_all_is_free()


def test_case_065_a_drop_during_the_readiness_check_is_tried_three_times(bench: Bench) -> None:
    """The third drop is the companion's error, and nothing was transferred."""
    provisioner = bench.provisioner = FlakyProvisioner({"companion": {1, 2, 3}})
    report = bench.build()
    assert (report.exit_code, report.failure_phase, report.retryable) == (30, FailurePhase.COMPANION, True)
    assert provisioner.calls == {"companion": 3, "transfer": 0, "build": 0}
    bench.assert_all_is_free()


def test_case_070_a_companion_that_went_silent_is_not_asked_again(bench: Bench) -> None:
    """It may still hold its lock: the run ends as a failed transfer, which a rerun goes on from."""
    provisioner = bench.provisioner = FlakyProvisioner(
        {"transfer": {1}}, lambda: LinkStalledError("the companion said nothing for 30 s")
    )
    report = bench.build()
    assert (report.exit_code, report.failure_phase, report.retryable) == (22, FailurePhase.TRANSFER, True)
    assert provisioner.calls["transfer"] == 1
    assert "said nothing for 30 s" in report.message
    bench.assert_all_is_free()


def test_a_link_that_is_not_retryable_ends_the_phase(bench: Bench) -> None:
    """What would go wrong again is not tried again."""
    bench.provisioner = FlakyProvisioner({"build": {1}}, lambda: LinkError("it said too much", retryable=False))
    report = bench.build()
    assert (report.exit_code, report.failure_phase, report.retryable) == (21, FailurePhase.BUILD, False)
    bench.assert_all_is_free()


def test_case_067_a_companion_that_stays_away_is_given_up(bench: Bench) -> None:
    """After the time for it the transfer has failed, retryable, and the message says both what broke and what came."""
    away = [CompanionError("connection refused", retryable=True) for _ in range(10_000)]
    bench.transport = FailingTransport(None, *away)
    bench.provisioner = FlakyProvisioner({"transfer": {1}})
    bench.reconnect_s = 0.2
    began_s = time.monotonic()
    report = bench.build()
    assert time.monotonic() - began_s < 10
    assert (report.exit_code, report.failure_phase, report.retryable) == (22, FailurePhase.TRANSFER, True)
    assert "the link was lost" in report.message
    assert "within 0.2 s: connection refused" in report.message
    bench.assert_all_is_free()


def test_what_a_break_may_have_left_is_told_also_where_the_link_stays_away(bench: Bench) -> None:
    """A link that broke once the switch was ordered says so by its hint: the drone may have its new cache."""
    bench.transport = FailingTransport(None, *[CompanionError("connection refused", retryable=True)] * 10_000)
    bench.provisioner = FlakyProvisioner({"build": {1}}, lambda: LinkError("lost", hint="Look first."))
    bench.reconnect_s = 0.2
    report = bench.build()
    assert (report.exit_code, report.failure_phase) == (21, FailurePhase.BUILD)
    assert "could not be taken up again" in report.message
    assert report.remediation == "Look first."


def test_a_companion_that_comes_back_late_is_waited_for(bench: Bench) -> None:
    """Each failing attempt to connect is followed by another until the time is over."""
    away = [CompanionError("connection refused", retryable=True) for _ in range(5)]
    transport = bench.transport = FailingTransport(None, *away)
    bench.provisioner = FlakyProvisioner({"transfer": {1}})
    report = bench.build()
    assert report.outcome == BuildCacheOutcome.SUCCESS
    assert transport.connects == 7
    bench.assert_all_is_free()


def test_case_055_another_host_key_after_a_break_is_refused(bench: Bench) -> None:
    """Whoever answers now is not who answered before: nothing is sent to it."""

    class Impostor(MemorySession):
        """A session with another machine."""

        @property
        def identity(self) -> CompanionIdentity:
            return CompanionIdentity(address="memory", fingerprint="SHA256:other")

    class Hijacked(MemoryTransport):
        """The second connection is with another machine."""

        def connect(self) -> CompanionSession:
            session = super().connect()
            self.connects = getattr(self, "connects", 0) + 1
            return session if self.connects == 1 else Impostor(self)

    bench.transport = Hijacked()
    provisioner = bench.provisioner = FlakyProvisioner({"transfer": {1}})
    report = bench.build()
    assert (report.exit_code, report.failure_phase) == (30, FailurePhase.COMPANION)
    assert "another host key" in report.message
    assert provisioner.calls["transfer"] == 1
    bench.assert_all_is_free()


def test_a_host_key_that_changed_meanwhile_is_the_transports_to_tell(bench: Bench) -> None:
    """What can't be mended by waiting is not waited for."""
    bench.transport = FailingTransport(None, CompanionError("HOST KEY CHANGED"))
    bench.provisioner = FlakyProvisioner({"transfer": {1}})
    report = bench.build()
    assert (report.exit_code, report.message) == (30, "HOST KEY CHANGED")
    bench.assert_all_is_free()


def test_case_084_a_build_is_made_three_times_at_most(bench: Bench) -> None:
    """A companion that drops the link in each build is not asked for ever."""
    provisioner = bench.provisioner = FlakyProvisioner({"build": {1, 2, 3}})
    report = bench.build()
    assert (report.exit_code, report.failure_phase, report.retryable) == (21, FailurePhase.BUILD, True)
    assert provisioner.calls["build"] == 3
    bench.assert_all_is_free()


def test_a_link_that_breaks_all_the_time_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However soon each connection comes, their number is bounded."""
    monkeypatch.setattr(companion_link, "MAX_RECONNECTS", 7)
    provisioner = bench.provisioner = FlakyProvisioner({"transfer": set(range(1, 1000))})
    report = bench.build()
    assert (report.exit_code, report.failure_phase) == (22, FailurePhase.TRANSFER)
    assert provisioner.calls["transfer"] == 8
    bench.assert_all_is_free()
