"""What was gone through, in numbers: for the page on reliability, and for whoever reads a test's output."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from .enumerate import Enumeration
from .judge import SCOPE, Judge
from .model import ORDERED, WEAK
from .protocols import Recorded
from .reruns import drawn_states, listing, problems_of_rerun


class CrashCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many power cuts were gone through, and what came of them."""

    protocols: int = 0
    operations: int = 0
    """That were recorded: changes of names and bytes, syncs, and lines that were said."""
    crash_points: int = 0
    """Moments at which the power was cut, under each model."""
    states_exact: int = 0
    """Of moments at which every combination was gone through, equal ones counted each time."""
    states_bounded: int = 0
    """Of moments at which there were too many combinations for that."""
    states_judged: int = 0
    """Distinct ones; what lies where no rule looks is not told apart."""
    reruns: int = 0
    """Distinct whole states on which the same was done again."""
    bad: int = 0
    problems: tuple[str, ...] = ()
    """What was wrong with the first of the bad ones."""

    def __add__(self, other: CrashCounts) -> CrashCounts:
        return CrashCounts(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    def fields(self) -> dict[str, object]:
        """Return them as JSON has them."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name != "problems"}


def count_crash_states(recorded: Recorded, folder: Path, *, draws: int, reruns: int, seed: int = 0) -> CrashCounts:
    """Enumerate and judge all states of one recording under both models, and do the same again on some of them."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = CrashCounts(protocols=1, operations=len(recorded.recording.operations))
    for model in (WEAK, ORDERED):
        judge = Judge(folder / model.name, recorded.expected)
        enumeration = Enumeration(recorded.recording, model, SCOPE, draws=draws)
        problems = [
            f"{recorded.protocol.name}, {model.name}, after {state.after}: {bad.rule}: {bad.why}"
            for state in enumeration.states()
            for bad in judge.bad(state)
        ]
        tally = enumeration.tally
        counts += CrashCounts(
            crash_points=tally.points,
            states_exact=tally.exact,
            states_bounded=tally.bounded,
            states_judged=judge.judged + judge.alike,
            bad=len(problems),
            problems=tuple(problems[:3]),
        )
    for number, state in enumerate(drawn_states(recorded, WEAK, reruns, seed=seed)):
        found = problems_of_rerun(recorded, state, folder / f"rerun-{number}")
        problems = [f"{recorded.protocol.name}, again after {state.after}: {one}; {listing(state)}" for one in found]
        counts += CrashCounts(reruns=1, bad=len(problems), problems=tuple(problems[:3]))
    return counts


def total(counts: Iterable[CrashCounts]) -> CrashCounts:
    """Return all of them together."""
    return sum(counts, CrashCounts())
