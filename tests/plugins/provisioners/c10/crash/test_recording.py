"""The recorder and the two models: what they are told they tell, and what they can't understand is an error."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.crash_states.bench import Bench, require_strace
from tests.support.crash_states.counts import count_crash_states
from tests.support.crash_states.enumerate import EXACT, Enumeration
from tests.support.crash_states.judge import SCOPE, Judge
from tests.support.crash_states.live_tree import LiveTree
from tests.support.crash_states.model import ORDERED, WEAK, Model
from tests.support.crash_states.operations import (
    FILE,
    FOLDER,
    DataOperation,
    Enter,
    Inode,
    Operation,
    Recording,
    Rename,
    Say,
    Sync,
    Write,
)
from tests.support.crash_states.protocols import BACK, FIRST, Protocol, record
from tests.support.crash_states.recording import TRACE, RecordingError, read_recording
from tests.support.crash_states.strace_text import Call, arguments_of, calls_of, hexed
from tests.support.crash_states.trees import Scope

TOP, OLD, NEW = range(3)
EVERYTHING = Scope("d", frozenset({"a", "b", ".new"}))
FOLDERS = Recording(
    TOP,
    (Inode(FOLDER), Inode(FOLDER), Inode(FILE, b"old"), Inode(FILE)),
    {},
    {(TOP, "d"): 1, (1, "a"): 2},
    (),
)
"""``d/a`` holds "old"; inode 3 is to be made."""


def recorded(folder: Path, body: str) -> Recording:
    """Return what a program does to a folder."""
    require_strace()
    box = folder / "box"
    box.mkdir(exist_ok=True)
    before = LiveTree(box)
    argv = ["strace", *TRACE, "-o", str(folder / "trace"), "--", sys.executable, "-I", "-S", "-B", "-c", body, str(box)]
    subprocess.run(argv, check=True, timeout=60)
    return read_recording(folder / "trace", before, 0)


def contents(operations: Sequence[Operation], model: Model, path: str = "d/a") -> set[bytes | None]:
    """Return what a path may hold after a power cut at the end of these operations, None where it is not there."""
    whole = Recording(FOLDERS.top, FOLDERS.inodes, {}, FOLDERS.before, tuple(operations))
    return {tree.get(path) for tree in states_after(whole, model, len(operations))}


def states_after(recording: Recording, model: Model, count: int) -> list[dict[str, bytes]]:
    """Return the distinct trees that may be there after so many operations, with their files' bytes."""
    enumeration = Enumeration(recording, model, EVERYTHING)
    return [{path: one.content for path, one in tree.items()} for tree in enumeration.trees_after(count)]


REPLACED: tuple[Operation, ...] = (Enter(1, ".new", 3), Write(3, 0, b"new"), Rename(1, ".new", 1, "a", 3))


def test_what_is_renamed_unsynced_may_be_empty_torn_or_full_of_zeros() -> None:
    """On the weakest file system; an ordered one has the bytes written before the rename."""
    found = contents(REPLACED, WEAK)
    assert {b"old", b"", b"n", b"\0\0\0", b"n\0\0", b"\0ew", b"new"} <= found
    assert contents(REPLACED, ORDERED) == {b"old", b"new"}


def test_a_synced_file_has_its_bytes_and_not_yet_its_name() -> None:
    """Only the folder's own sync makes the name sure."""
    synced = (*REPLACED[:2], Sync(3, 2), REPLACED[2])
    assert contents(synced, WEAK) == {b"old", b"new"}
    assert contents((*synced, Sync(1, 4)), WEAK) == {b"new"}


def test_a_sync_covers_only_what_was_complete_when_it_began() -> None:
    """A write that ran beside it may be lost."""
    found = contents((Write(2, 0, b"OLD"), Sync(2, 0)), WEAK)
    assert b"old" in found
    assert contents((Write(2, 0, b"OLD"), Sync(2, 1)), WEAK) == {b"OLD"}


def test_a_rename_between_folders_is_one_step() -> None:
    """The file is in one of them, never in both or in neither, and sure once the new one is synced."""
    moved = Recording(
        TOP,
        (Inode(FOLDER), Inode(FOLDER), Inode(FILE, b"x"), Inode(FOLDER)),
        {},
        {(TOP, "d"): 1, (1, "a"): 2, (1, "b"): 3},
        (Rename(1, "a", 3, "a", 2), Sync(1, 1), Sync(3, 1)),
    )
    trees = [{path for path in tree if path.endswith("/a")} for tree in states_after(moved, WEAK, 2)]
    assert sorted(trees, key=sorted) == [{"d/a"}, {"d/b/a"}]
    assert [set(tree) for tree in states_after(moved, WEAK, 3)] == [{"d", "d/b", "d/b/a"}]


def test_names_change_in_any_order_on_the_weakest_file_system_alone() -> None:
    """A second name may be there without the first; an ordered one keeps their order."""
    both = (Enter(1, "b", 3), Enter(1, ".new", 3))
    whole = Recording(FOLDERS.top, FOLDERS.inodes, {}, FOLDERS.before, both)
    for model, out_of_order in ((WEAK, True), (ORDERED, False)):
        trees = states_after(whole, model, 2)
        assert any("d/.new" in tree and "d/b" not in tree for tree in trees) is out_of_order


def test_too_many_combinations_are_bounded_and_counted() -> None:
    """Of thirteen writes, nothing and all are among what is gone through; of three, every combination is."""
    writes: list[DataOperation] = [Write(2, place, bytes([65 + place])) for place in range(3)]
    many = [Write(2, place % 3, bytes([place])) for place in range(13)]
    few = Enumeration(Recording(TOP, FOLDERS.inodes, {}, FOLDERS.before, tuple(writes)), WEAK, EVERYTHING)
    assert list(few.states())
    assert few.tally.bounded == 0
    lots = Enumeration(Recording(TOP, FOLDERS.inodes, {}, FOLDERS.before, tuple(many)), WEAK, EVERYTHING, draws=0)
    found = {state.tree["d/a"].content for state in lots.states()}
    assert EXACT < 4**13
    assert lots.tally.bounded > 0
    assert {b"old", bytes([12, 10, 11])} <= found


def test_the_recording_of_a_program_is_what_it_did(tmp_path: Path) -> None:
    """Appending, writing in the midst, cutting, moving and copying in the kernel lead to what lies on the disk."""
    body = """
import os, sys
os.chdir("/")
box = sys.argv[1]
os.mkdir(box + "/in")
with open(box + "/in/a", "wb") as file:
    file.write(b"abcdef" * 1000)
    file.flush()
    os.pwrite(file.fileno(), b"XY", 3)
    file.truncate(500)
    os.fsync(file.fileno())
with open(box + "/in/a", "ab") as file:
    file.write(b"the end")
with open(box + "/in/a", "rb") as source, open(box + "/copy", "wb") as target:
    source.read(1)
    os.copy_file_range(source.fileno(), target.fileno(), 100, 2)
os.rename(box + "/in/a", box + "/in/b")
os.symlink("in/b", box + "/link")
folder = os.open(box + "/in", os.O_RDONLY)
os.unlink("b", dir_fd=folder)
os.fsync(folder)
"""
    kinds = [type(one).__name__ for one in recorded(tmp_path, body).operations]
    assert [kind for kind, _same in itertools.groupby(kinds) if kind != "Permit"] == [
        *("Enter", "Enter", "Write", "Resize", "Sync", "Write", "Enter", "Write", "Rename", "Enter", "Remove", "Sync"),
    ]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("os.link(box + '/a', box + '/b')", "link was called on the folder"),
        ("os.setxattr(box + '/a', 'user.x', b'1')", "setxattr was called on the folder"),
        ("import mmap; mmap.mmap(os.open(box + '/a', os.O_RDWR), 1)[0] = 65", "mapped for writing"),
        ("fd = os.open(box + '/a', os.O_RDWR); os.unlink(box + '/a'); os.write(fd, b'x')", "no name any more"),
        ("os.open(box, os.O_TMPFILE | os.O_RDWR)", "without a name"),
        ("os.rename(box + '/a', box + '/../a')", "a rename that is not known"),
        ("os.chdir(box); os.unlink('a')", "do not lead to what lies there"),
    ],
)
def test_what_the_recorder_does_not_understand_is_an_error(tmp_path: Path, body: str, why: str) -> None:
    """Rather than a change that no power cut is tried with."""
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "a").write_text("a")
    with pytest.raises(RecordingError, match=why):
        recorded(tmp_path, f"import os, sys; box = sys.argv[1]; {body}")


def test_calls_are_read_where_threads_interrupt_each_other() -> None:
    """The one that returned later comes later, and knows how many had returned when it began."""
    word = hexed(b"/box")
    lines = [
        f"1 fsync(3<{word}> <unfinished ...>\n",
        f'2 pwrite64(4<{word}>, "\\x2c\\x29", 2, 7) = 2\n',
        "2 futex(0x1, FUTEX_WAKE) = 0\n",
        "1 <... fsync resumed>) = 0\n",
        f'2 unlink("{word}") = -1 ENOENT (No such file or directory)\n',
        f"2 exit_group({word}) = ?\n",
    ]
    calls = [call for call in calls_of(lines, [word]) if isinstance(call, Call)]
    assert [(call.name, call.result, call.began) for call in calls] == [
        ("pwrite64", 2, 0),
        ("fsync", 0, 0),
        ("unlink", -1, 2),
    ]
    assert arguments_of('4</a,b>, "\\x2c\\x29", [1, 2] => [3], {a=(1, 2)}) = 5') == (
        *("4</a,b>", '"\\x2c\\x29"', "[1, 2] => [3]", "{a=(1, 2)}"),
    )


def test_a_verdict_is_the_same_without_what_was_judged_before(
    tmp_path: Path, prepare: Callable[[Protocol], Bench]
) -> None:
    """States that are not laid down, since nobody looks at what differs, are laid down here, with the same verdict."""
    whole = record(BACK, prepare(BACK).copy(tmp_path / "bench", {}))
    judge = Judge(tmp_path / "judge", whole.expected)
    states = list(Enumeration(whole.recording, WEAK, SCOPE).states())
    verdicts = [judge.bad(state) for state in states]
    assert judge.alike > judge.judged > 5
    for number, state in enumerate(states[::7]):
        assert Judge(tmp_path / f"judge-{number}", whole.expected).bad(state) == verdicts[7 * number]


def test_a_recording_whose_report_comes_too_early_is_bad(tmp_path: Path, prepare: Callable[[Protocol], Bench]) -> None:
    """Power cuts are counted as bad where the real recording is given the report one step before its last sync."""
    whole = record(FIRST, prepare(FIRST).copy(tmp_path / "bench", {}))
    operations = list(whole.recording.operations)
    report = operations.pop(next(place for place, one in enumerate(operations) if _is_report(one)))
    switch = next(place for place, one in enumerate(operations) if isinstance(one, Rename) and one.to_name == "current")
    operations.insert(switch + 1, report)
    early = Recording(
        whole.recording.top,
        whole.recording.inodes,
        whole.recording.modes,
        whole.recording.before,
        tuple(operations),
    )
    changed = type(whole)(whole.protocol, whole.bench, early, whole.expected)
    counts = count_crash_states(changed, tmp_path / "judged", draws=0, reruns=0)
    assert counts.bad > 0
    assert "once it is reported" in counts.problems[0]
    shutil.rmtree(tmp_path / "judged")


def _is_report(operation: Operation) -> bool:
    return isinstance(operation, Say) and operation.line.startswith('{"report":"build"')
