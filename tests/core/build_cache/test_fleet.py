"""Several companions in one run: one download, a lock, a report and an outcome for each."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from operator_tool import overdue
from operator_tool.api import (
    BuildCacheOutcome,
    BuildError,
    CacheOrder,
    CompanionError,
    CompanionSession,
    CompanionState,
    Event,
    LinkError,
    NotReadyError,
    OperatorToolError,
    PhaseStarted,
    RunContext,
    RunFinished,
    TransferError,
)
from operator_tool.build_cache import fleet
from operator_tool.build_cache.lock import companion_lock
from operator_tool.build_cache.orchestrator import Orchestrator
from operator_tool.build_cache.parts import CompanionParts, Parts
from tests.support.bench import REQUEST
from tests.support.memory import MemoryProvider, MemoryProvisioner, MemorySource, MemoryTransport


class Drone:
    """One companion in memory."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.transport = MemoryTransport()
        self.transport.address = name
        self.provisioner = MemoryProvisioner()


class Yard:
    """A workstation with several companions."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.drones = [Drone(name) for name in names]
        self.provider = MemoryProvider()
        self.source = MemorySource()
        self.events: list[Event] = []
        self.cancelled = threading.Event()
        self.stores, self.locks, self._folder = folder / "stores", folder / "locks", folder
        self.stores.mkdir()
        self.locks.mkdir()

    def orchestrator(self) -> Orchestrator:
        """Return an orchestrator over all of them."""
        return Orchestrator(
            Parts(
                flight_source=self.source,
                providers=(("memory", self.provider),),
                companions=tuple(
                    CompanionParts(
                        name=drone.name,
                        transport_name="memory",
                        transport=drone.transport,
                        provisioner=drone.provisioner,
                        context=self._context(drone.name),
                    )
                    for drone in self.drones
                ),
            ),
            self._context(""),
            stores_dir=self.stores,
            locks_dir=self.locks,
            reconnect_s=1.0,
        )

    def _context(self, name: str) -> RunContext:
        def emit(event: Event) -> None:
            self.events.append(msgspec.structs.replace(event, companion=name))

        return RunContext(run_id="run-1", state_dir=self._folder, emit=emit, cancelled=self.cancelled)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """Three drones."""
    return Yard(tmp_path, "alpha", "bravo", "charlie")


def test_each_gets_the_whole_cache_and_each_tile_is_fetched_once(yard: Yard) -> None:
    """All succeed, with the same tiles; the provider is asked for each of them once."""
    fleet = yard.orchestrator().build_caches(REQUEST)
    assert (fleet.outcome, fleet.exit_code) == (BuildCacheOutcome.SUCCESS, 0)
    assert list(fleet.builds) == ["alpha", "bravo", "charlie"]
    wanted = fleet.builds["alpha"].tiles.wanted
    assert wanted > 0
    assert len(yard.provider.asked) == len(set(yard.provider.asked)) == wanted
    for drone in yard.drones:
        assert len(drone.provisioner.pictures) == wanted
        assert fleet.builds[drone.name].outcome == BuildCacheOutcome.SUCCESS
        assert drone.transport.open_sessions == 0


def test_one_failure_stops_no_other(yard: Yard) -> None:
    """Whatever fails on one, in whichever phase: the others are built; the exit code is the first failure's."""

    def fails(phase: str, error: Exception) -> MemoryProvisioner:
        def before(now: str) -> None:
            if now == phase:
                raise error

        return MemoryProvisioner(before=before)

    yard.drones[0].provisioner = fails("companion", NotReadyError(("the cache root is on a read-only volume",)))
    yard.drones[2].provisioner = fails("transfer", TransferError("the disk is full"))
    fleet = yard.orchestrator().build_caches(REQUEST)
    assert (fleet.outcome, fleet.exit_code) == (BuildCacheOutcome.FAILURE, 31)
    assert [report.exit_code for report in fleet.builds.values()] == [31, 0, 22]
    assert len(yard.drones[1].provisioner.pictures) == fleet.builds["bravo"].tiles.wanted
    yard.drones[0].provisioner = MemoryProvisioner()
    yard.drones[2].provisioner = MemoryProvisioner()
    again = yard.orchestrator()
    assert [r.outcome for r in again.build_caches(REQUEST).builds.values()] == [
        "success",
        "idempotent_no_op",
        "success",
    ]


def test_a_locked_companion_is_that_ones_failure(yard: Yard) -> None:
    """Contention on one is reported as LOCKED, and the others are built."""
    with companion_lock(yard.locks, "bravo memory", timeout_s=0, operator="ann", run_id="r"):
        fleet = yard.orchestrator().build_caches(REQUEST)
    assert [report.exit_code for report in fleet.builds.values()] == [0, 50, 0]
    assert fleet.exit_code == 50


def test_a_flight_that_is_none_fails_for_all(yard: Yard) -> None:
    """Nothing is begun for any of them, and each report says why."""
    yard.source = MemorySource(before=lambda: (_ for _ in ()).throw(CompanionError("no such flight")))
    fleet = yard.orchestrator().build_caches(REQUEST)
    assert [report.message for report in fleet.builds.values()] == ["no such flight"] * 3
    assert all(drone.provisioner.orders == [] for drone in yard.drones)


def test_events_name_their_companion(yard: Yard) -> None:
    """What belongs to one is told with its name; the flight and its plan are everybody's."""
    yard.orchestrator().build_caches(REQUEST)
    finished = {event.companion for event in yard.events if isinstance(event, RunFinished)}
    assert finished == {"alpha", "bravo", "charlie"}
    phases = [(event.companion, event.phase) for event in yard.events if isinstance(event, PhaseStarted)]
    assert phases.count(("", "resolve")) == phases.count(("", "plan")) == phases.count(("", "download")) == 1
    assert {name for name, phase in phases if phase == "build"} == {"alpha", "bravo", "charlie"}


def test_a_drop_on_one_link_is_that_links_alone(yard: Yard) -> None:
    """One is taken up again while the others go on."""
    breaks = iter([LinkError("the link was lost")])

    def before(phase: str) -> None:
        if phase == "transfer" and (error := next(breaks, None)) is not None:
            raise error

    yard.drones[1].provisioner = MemoryProvisioner(before=before)
    fleet = yard.orchestrator().build_caches(REQUEST)
    assert fleet.outcome == BuildCacheOutcome.SUCCESS
    summaries = [report.companion for report in fleet.builds.values()]
    assert [summary.reconnects for summary in summaries if summary is not None] == [0, 1, 0]


def test_what_nobody_knows_is_one_companions_failure_and_frees_all(yard: Yard) -> None:
    """A bug on one companion is in its own report, with the code of the phase; the others are built, all locks free."""

    class OddError(Exception):
        """Nobody's."""

    def before(phase: str) -> None:
        if phase == "build":
            raise OddError("a bug")

    yard.drones[0].provisioner = MemoryProvisioner(before=before)
    fleet = yard.orchestrator().build_caches(REQUEST)
    assert [report.exit_code for report in fleet.builds.values()] == [BuildError.exit_code, 0, 0]
    assert "OddError: a bug" in fleet.builds["alpha"].message
    assert "Traceback" not in fleet.builds["alpha"].message
    assert {event.companion for event in yard.events if isinstance(event, RunFinished)} == {"alpha", "bravo", "charlie"}
    assert len(yard.drones[1].provisioner.pictures) > 0
    for drone in yard.drones:
        with companion_lock(yard.locks, f"{drone.name} memory", timeout_s=0, operator="t", run_id="t"):
            assert drone.transport.open_sessions == 0


def test_case_030_a_companion_that_hangs_beyond_the_deadline_takes_no_other_with_it(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others' reports are whole; its own says in which phase it hung, and what to do."""
    monkeypatch.setattr(overdue, "GRACE_S", 0.1)
    monkeypatch.setattr(fleet, "_UNWIND_S", 0.1)
    released = threading.Event()

    def hang(phase: str) -> None:
        if phase == "build":
            released.wait(60)

    yard.drones[1].provisioner = MemoryProvisioner(before=hang)
    try:
        with overdue.ended_after(3.0):
            result = yard.orchestrator().build_caches(REQUEST)
    finally:
        released.set()
    assert [report.exit_code for report in result.builds.values()] == [0, BuildError.exit_code, 0]
    assert "it hung in the phase build" in result.builds["bravo"].message
    assert result.builds["bravo"].remediation
    assert result.exit_code == BuildError.exit_code


def test_all_are_asked_at_the_same_time_and_each_answers_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No one's answer waits for another's; what fails on one, a bug too, is told of that one alone, in their order."""
    yard = Yard(tmp_path, "alpha", "beta", "gamma")
    together = threading.Barrier(3)
    prepare = MemoryProvisioner.prepare

    def meeting(self: MemoryProvisioner, session: CompanionSession, order: CacheOrder) -> CompanionState:
        together.wait(30)
        if self is yard.drones[0].provisioner:
            raise CompanionError("it is off")
        if self is yard.drones[1].provisioner:
            raise KeyError("a bug")
        return prepare(self, session, order)

    monkeypatch.setattr(MemoryProvisioner, "prepare", meeting)
    plan, answers = yard.orchestrator().ask_each(REQUEST)
    assert plan.content_key
    assert list(answers) == ["alpha", "beta", "gamma"]
    assert isinstance(answers["alpha"], CompanionError)
    assert isinstance(answers["beta"], OperatorToolError)
    answer = answers["gamma"]
    assert not isinstance(answer, OperatorToolError)
    assert answer[1].address == "gamma"
