"""Every system call with which a real build changes the cache: the agent is killed at it, or it fails."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.support.crash_states.bench import bundle_with
from tests.support.crash_states.injection import ACTIONS, KILL, Build, Injected
from tests.support.crash_states.judge import OLD_OR_NEW
from tests.support.crash_states.protocols import SIGNED, prepared, signed_cache
from tests.support.crash_states.twins import TWINS
from tests.support.reliability_counts import note_counts

SLICE = 10


def test_case_141_a_slice_of_all_system_calls(tmp_path: Path) -> None:
    """Some of those of a build, seeded: the old or the new cache is whole, and the next run succeeds."""
    build = Build(prepared(SIGNED, tmp_path / "bench"), signed_cache())
    every = [Injected(place, action) for place in build.places() for action in ACTIONS]
    chosen = random.Random(5).sample(every, SLICE)
    wrong = {str(one): found for one in chosen if (found := build.violations(one))}
    assert not wrong, wrong
    assert len(build.missed) <= 1, build.missed


@pytest.mark.reliability
@pytest.mark.timeout(3000)
def test_case_141_every_system_call(tmp_path: Path) -> None:
    """Killed, without space, or with a broken disk, at every single one, from the first artefact to the report."""
    build = Build(prepared(SIGNED, tmp_path / "bench"), signed_cache(), sending=True)
    every = [Injected(place, action) for place in build.places() for action in ACTIONS]
    wrong = {str(one): found for one in every if (found := build.violations(one))}
    calls = Counter(one.place.call for one in every if one.action == ACTIONS[0])
    counts = {
        "calls": dict(sorted(calls.items())),
        "actions": [action.partition("=")[2] for action in ACTIONS],
        "runs": len(every),
        "missed": len(build.missed),
        "violations": len(wrong),
    }
    print(counts)
    note_counts("system_calls", counts)
    assert not wrong, wrong
    # Threads that hash open files in an order of their own, so the last few of a call's numbers may not come.
    assert len(build.missed) <= len(every) // 20, build.missed


def test_case_141_a_weakened_twin_is_caught(tmp_path: Path) -> None:
    """An agent that takes its link away before it makes it anew is found without one."""
    bench = prepared(SIGNED, tmp_path / "bench")
    twin = next(twin for twin in TWINS if twin.caught_by == OLD_OR_NEW)
    bench.today.write_bytes(bundle_with(twin.changes))
    build = Build(bench, signed_cache())
    (place,) = [place for place in build.places() if place.call == "symlink"]
    assert any("no current generation" in found for found in build.violations(Injected(place, KILL)))
