"""When a fault strikes: by phase, build and bytes, the same each time."""

from __future__ import annotations

from operator_tool.api import PhaseFinished, PhaseStarted, RunStarted
from operator_tool_plugins.transports.mock.faults import Direction, Faults
from operator_tool_plugins.transports.mock.hearing import Hearing, Runs
from operator_tool_plugins.transports.mock.script import (
    AnyFault,
    DiskFull,
    Drop,
    Garbage,
    Phase,
    Refusal,
    Refuse,
    WrongClock,
)

UP, DOWN = Direction.UP, Direction.DOWN


class Trial:
    """A run with these faults; its phases are set by hand."""

    def __init__(self, *script: AnyFault, build: int | None = 1) -> None:
        self.phases = frozenset({Phase.COMPANION})
        self.faults = Faults(script, build=build, phases=lambda: self.phases)

    def move(self, direction: Direction, size: int) -> list[int]:
        """Move so many bytes, in the largest pieces; give what moved before each stroke, and after the last."""
        moved = [0]
        while sum(moved) < size:
            step, struck = self.faults.before_moving(direction, size - sum(moved))
            self.faults.moved(direction, step)
            moved[-1] += step
            if struck is not None:
                moved.append(0)
        return moved


def test_a_fault_strikes_to_the_byte() -> None:
    """However the bytes come in pieces, the stroke is after the one that was named, and once."""
    assert Trial(Drop(after_sent_bytes=100)).move(UP, 1000) == [100, 900]
    trial = Trial(Drop(after_sent_bytes=100))
    assert [trial.move(UP, size) for size in (60, 30, 30, 50)] == [[60], [30], [10, 20], [50]]


def test_it_counts_its_own_direction_alone() -> None:
    """What is received brings about no fault that waits for what is sent."""
    trial = Trial(Drop(after_sent_bytes=100), Drop(after_received_bytes=200))
    assert trial.move(DOWN, 150) == [150]
    assert trial.move(UP, 101) == [100, 1]
    assert trial.move(DOWN, 100) == [50, 50]


def test_it_strikes_as_often_as_it_is_to() -> None:
    """Each time anew after its count; -1 is for ever."""
    assert Trial(Drop(after_sent_bytes=100, times=2)).move(UP, 1000) == [100, 100, 800]
    assert Trial(Garbage(after_received_bytes=100, times=-1)).move(DOWN, 1000) == [100] * 10
    assert Trial(Drop(after_sent_bytes=100, times=-1)).move(UP, 1001)[-1] == 1


def test_without_a_count_the_phase_decides() -> None:
    """Before the first byte of the phase, whichever way it goes; and not in another phase."""
    trial = Trial(Drop(phase=Phase.TRANSFER))
    assert trial.move(DOWN, 10) == [10]
    trial.phases = frozenset({Phase.TRANSFER, Phase.DOWNLOAD})
    assert trial.move(DOWN, 10) == [0, 10]
    assert trial.move(UP, 10) == [10]


def test_counting_begins_with_the_phase() -> None:
    """What moved before is not counted."""
    trial = Trial(Drop(phase=Phase.TRANSFER, after_sent_bytes=100))
    trial.move(UP, 500)
    trial.phases = frozenset({Phase.TRANSFER})
    assert trial.move(UP, 150) == [100, 50]


def test_a_fault_of_one_build_is_met_in_that_one_alone() -> None:
    """Another build, and a command that builds nothing, don't meet it; one without a number all do."""
    for build, strokes in ((1, 1), (2, 2), (None, 1)):
        trial = Trial(Drop(after_sent_bytes=10, run=2), Drop(after_sent_bytes=20), build=build)
        assert len(trial.move(UP, 100)) == 1 + strokes


def test_refusals_are_for_sessions() -> None:
    """Bytes don't bring them about; each attempt in its phase uses one up."""
    trial = Trial(Refuse(times=2), Refuse(how=Refusal.HOST_KEY, phase=Phase.BUILD))
    assert trial.move(UP, 100) == [100]
    assert [found.number if (found := trial.faults.refusal()) else None for _ in range(3)] == [1, 1, None]
    trial.phases = frozenset({Phase.BUILD})
    found = trial.faults.refusal()
    assert found is not None
    assert found.label == "fault 2 of the script, refuse"


def test_what_befalls_the_machine_befalls_it_at_once_or_after_its_count() -> None:
    """Without a count no byte must move; and it does so once."""
    trial = Trial(WrongClock(offset_s=1), DiskFull(after_sent_bytes=50))
    assert [struck.number for struck in trial.faults.of_machine()] == [1]
    assert trial.faults.of_machine() == []
    assert trial.move(UP, 100) == [50, 50]


def test_garbage_is_the_seeds() -> None:
    """The same seed brings the same bytes, another seed, stroke or fault others."""

    def brought(seed: int) -> list[bytes]:
        trial = Trial(Garbage(after_received_bytes=10, times=2), Garbage(bytes=3, after_received_bytes=15))
        found = []
        for _ in range(8):
            step, struck = trial.faults.before_moving(DOWN, 5)
            trial.faults.moved(DOWN, step)
            if struck is not None:
                found.append(struck.garbage(seed))
        return found

    assert brought(7) == brought(7)
    assert [len(one) for one in brought(7)] == [64, 3, 64]
    assert len({*brought(7), *brought(8)}) == 6


def test_phases_are_heard_from_the_runs_events() -> None:
    """Those of a run for one companion name none; of several each has its own, and the download is all's."""
    hearing = Hearing("run")
    assert hearing.phases("") == {Phase.COMPANION}
    for name in ("alpha", "bravo"):
        hearing.hear(RunStarted(run_id="run", command="build-cache", companion=name))
    hearing.hear(PhaseStarted(phase="transfer", companion="alpha"))
    hearing.hear(PhaseStarted(phase="download"))
    hearing.hear(PhaseStarted(phase="resolve"))
    assert hearing.phases("alpha") == {Phase.TRANSFER, Phase.DOWNLOAD}
    assert hearing.phases("bravo") == {Phase.DOWNLOAD}
    hearing.hear(PhaseFinished(phase="download", duration_s=1.0))
    assert hearing.phases("bravo") == {Phase.COMPANION}
    assert hearing.is_build("alpha")


def test_another_run_is_heard_anew() -> None:
    """What an earlier run of this process was in is forgotten, and only a build is counted."""
    runs = Runs()
    first = runs.of("one")
    runs.hear(RunStarted(run_id="one", command="build-cache"))
    runs.hear(PhaseStarted(phase="build"))
    assert first.is_build("")
    assert first.is_build("alpha")
    assert runs.of("one") is first
    second = runs.of("two")
    assert second.phases("") == {Phase.COMPANION}
    assert not second.is_build("")
    runs.hear(RunStarted(run_id="two", command="download"))
    assert second.phases("") == {Phase.COMPANION}
    assert not second.is_build("")
