"""Power cuts: every state that one may leave behind, of the agent's own system calls, is one that it can live with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.crash_states.bench import Bench, bundle_with
from tests.support.crash_states.counts import CrashCounts, count_crash_states, total
from tests.support.crash_states.enumerate import State
from tests.support.crash_states.model import WEAK, Base, content_of
from tests.support.crash_states.operations import FILE, Recording, Write
from tests.support.crash_states.protocols import FIRST, PROTOCOLS, Protocol, prepared, record
from tests.support.crash_states.reruns import problems_of_rerun
from tests.support.crash_states.trees import Entry, tree_of
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
    # It is synced now and then while it is filled, as the disk has time; here it never has.
    busy = {"receiving/receive.py": [("                os.fdatasync(self._fd)\n", "                pass\n")]}
    bench = prepare(FIRST).copy(tmp_path / "bench", busy)
    recorded = record(FIRST, bench)
    believed = ("    return bool(noted) and noted == boot_id()\n", "    return bool(noted)\n")
    for number, state in enumerate(itertools.islice(torn_stagings(recorded.recording), 10)):
        bench.today.write_bytes(bundle_with({"receiving/staging.py": [believed]}))
        wrong = problems_of_rerun(recorded, state, tmp_path / f"believing-{number}")
        bench.today.write_bytes(bundle_with({}))
        assert problems_of_rerun(recorded, state, tmp_path / f"doubting-{number}") == []
        if wrong:
            return
    pytest.fail("no torn staging folder showed it")


def torn_stagings(recording: Recording) -> Iterator[State]:
    """Yield states, the latest first, in which one write to the staging database is a hole, and all else is there."""
    for count in range(len(recording.operations), 0, -1):
        base = WEAK.bases(recording, count)[0]
        whole = tree_of(recording, base.chosen(recording, dict.fromkeys(range(len(base.names)), True)))
        staged = {path.rpartition("/")[2]: path for path in whole if "/staging/" in path}
        if "boot_id" not in staged or not base.open.get(whole[staged["tiles.mbtiles"]].inode):
            continue
        for hole in reversed(base.open[whole[staged["tiles.mbtiles"]].inode]):
            if isinstance(hole, Write):
                emptied = Write(hole.inode, hole.offset + len(hole.data), b"")
                tree = {path: _filled(recording, base, entry, {hole: emptied}) for path, entry in whole.items()}
                yield State(count, tree, ())


def _filled(recording: Recording, base: Base, entry: Entry, instead: dict[Write, Write]) -> Entry:
    if entry.kind != FILE:
        return entry
    done = [*base.certain.get(entry.inode, ()), *base.open.get(entry.inode, ())]
    written = [instead.get(one, one) if isinstance(one, Write) else one for one in done]
    return Entry(FILE, entry.inode, content_of(recording.inodes[entry.inode].content, written))
