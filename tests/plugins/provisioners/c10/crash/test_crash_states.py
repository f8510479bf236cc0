"""Power cuts: every state that one may leave behind, of the agent's own system calls, is one that it can live with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crash_states.bench import Bench, bundle_with
from tests.support.crash_states.counts import CrashCounts, count_crash_states, total
from tests.support.crash_states.enumerate import State
from tests.support.crash_states.model import WEAK
from tests.support.crash_states.protocols import FIRST, PROTOCOLS, Protocol, prepared, record
from tests.support.crash_states.reruns import drawn_states, problems_of_rerun
from tests.support.reliability_counts import note_counts

RERUNS = 2
NIGHTLY_RERUNS = 60


def counts_of(protocol: Protocol, folder: Path, *, draws: int, reruns: int) -> CrashCounts:
    """Record a protocol and return what its power cuts came to."""
    recorded = record(protocol, prepared(protocol, folder / "bench"))
    return count_crash_states(recorded, folder / "judged", draws=draws, reruns=reruns)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_case_142_no_power_cut_leaves_a_bad_state(tmp_path: Path, protocol: Protocol) -> None:
    """At every moment, whatever has reached the disk, current is old or new, whole, and nothing is forgotten."""
    counts = counts_of(protocol, tmp_path, draws=0, reruns=RERUNS)
    print(counts.fields())
    assert counts.bad == 0, "\n".join(counts.problems)
    assert counts.crash_points > counts.operations > 20
    assert counts.states_judged > 10
    assert counts.reruns == RERUNS


@pytest.mark.reliability
@pytest.mark.timeout(1800)
def test_case_142_no_power_cut_leaves_a_bad_state_all_of_them(tmp_path: Path) -> None:
    """The same with many more of the combinations that are too many, and a rerun on sixty states of each protocol."""
    counts = total(
        counts_of(protocol, tmp_path / protocol.name, draws=64, reruns=NIGHTLY_RERUNS) for protocol in PROTOCOLS
    )
    print(counts.fields())
    note_counts("crash_states", counts.fields())
    assert counts.bad == 0, "\n".join(counts.problems)


def test_case_068_a_staging_folder_of_another_boot_that_is_believed_is_caught(
    tmp_path: Path, prepare: Callable[[Protocol], Bench]
) -> None:
    """An agent that believes it unread fails on some state on which the real one succeeds."""
    bench = prepare(FIRST).copy(tmp_path / "bench", {})
    recorded = record(FIRST, bench)
    believed = ("    return bool(noted) and noted == boot_id()\n", "    return bool(noted)\n")
    doubtful = [state for state in drawn_states(recorded, WEAK, 200) if _is_doubtful(state)]
    for number, state in enumerate(doubtful):
        bench.today.write_bytes(bundle_with({"receiving/staging.py": [believed]}))
        wrong = problems_of_rerun(recorded, state, tmp_path / f"believing-{number}")
        bench.today.write_bytes(bundle_with({}))
        assert problems_of_rerun(recorded, state, tmp_path / f"doubting-{number}") == []
        if wrong:
            return
    pytest.fail(f"none of {len(doubtful)} states with a staging folder showed it")


def _is_doubtful(state: State) -> bool:
    """Tell whether a state has a staging folder that says in which boot it was filled, and a database there."""
    staged = {path.rpartition("/")[2]: one.content for path, one in state.tree.items() if "/staging/" in path}
    return bool(staged.get("boot_id") and staged.get("tiles.mbtiles"))
