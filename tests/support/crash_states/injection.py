"""A real build, and one of its system calls that ends the agent or fails: every one of them can be told by its number.

strace counts per thread and per name of a call. The number of a call is learnt from a build that is let be; in another
build it may have shifted by one or two where a line was said more or less, so that all of the numbers together still
meet all of the calls.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from operator_tool_plugins.provisioners.c10.agent.generations.soundness import FULL, find_problem
from operator_tool_plugins.provisioners.c10.agent.generations.verify import memory_problems
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from tests.support.c10_rig import tiles_in

from .bench import Bench
from .recording import TRACE
from .strace_text import hexed
from .workstation import Cache, Workstation

KILL, ENOSPC, EIO = "signal=KILL", "error=ENOSPC", "error=EIO"
ACTIONS = (KILL, ENOSPC, EIO)
_CALLS = """
    openat write pwrite64 writev ftruncate truncate fallocate copy_file_range sendfile fsync fdatasync sync_file_range
    rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir chmod fchmod fchmodat
"""
CHANGING = frozenset(_CALLS.split())
_LINE = re.compile(r"(\d+) +(\w+)\(")
_HIT = re.compile(r"\(INJECTED\)|killed by SIGKILL")
_OPENED_FOR_READING = re.compile(r"O_RDONLY(?!.*O_CREAT)")


class Place(msgspec.Struct, frozen=True, order=True):
    """The ``number``-th call of a name, in any thread."""

    call: str
    number: int


class Injected(msgspec.Struct, frozen=True):
    """One call, and what is done at it."""

    place: Place
    action: str

    def options(self) -> tuple[str, ...]:
        """Return what strace is told."""
        call = self.place.call
        return ("-f", "-e", f"trace={call}", "-e", f"inject={call}:{self.action}:when={self.place.number}")

    def __str__(self) -> str:
        return f"{self.action} at {self.place.call} {self.place.number}"


class Build:
    """A cache whose building is tried again and again, each time from a copy; with ``sending``, its sending, too."""

    def __init__(self, bench: Bench, cache: Cache, *, sending: bool = False) -> None:
        self._bench = bench
        self._cache = cache
        self._sending = sending
        self.missed: list[str] = []
        """What was to be injected, and was not: there were not so many calls this time."""
        if not sending:
            with Workstation(bench.today, bench) as workstation:
                assert workstation.send(cache)["ok"]
        layout = Layout(str(bench.root))
        current = layout.current()
        self._old = current.name if current else None
        self._trials = 0

    def places(self) -> list[Place]:
        """Return every call with which a build changes the cache, or says something."""
        root = self._copy()
        trace = self._bench.folder / "trace"
        with Workstation(
            self._bench.today, self._bench, root=root, through=("strace", *TRACE, "-o", str(trace), "--")
        ) as workstation:
            pipe = os.fstat(workstation.process.stdout.fileno()).st_ino  # type: ignore[union-attr]
            report = self._run(workstation)
            assert report["ok"], report
            workstation.hang_up()
            workstation.process.wait(30)
        about = (hexed(os.fsencode(root)), hexed(f"pipe:[{pipe}]".encode()))
        with trace.open(encoding="ascii") as lines:
            return sorted(set(_places(lines, about, "artefacts" if self._sending else "build")))

    def violations(self, injected: Injected) -> list[str]:
        """Carry out one build with it; return what does not hold afterwards, in words."""
        root = self._copy()
        log = self._bench.folder / "strace.log"
        with Workstation(
            self._bench.today, self._bench, root=root, through=("strace", *injected.options(), "-o", str(log), "--")
        ) as workstation:
            report: dict[str, Any] = {"ok": False}
            if workstation.greeting["ok"]:
                report = self._run(workstation)
            workstation.hang_up()
            workstation.process.wait(60)
        if not _HIT.search(log.read_text()):
            self.missed.append(str(injected))
        found = list(self._wrong(root, report))
        with Workstation(self._bench.today, self._bench, root=root) as workstation:
            again = workstation.whole_way(self._cache)
        if not again["ok"]:
            found.append(f"the next run failed: {again}")
        else:
            found += self._wrong(root, again)
        shutil.rmtree(root)
        return found

    def _run(self, workstation: Workstation) -> dict[str, Any]:
        return workstation.whole_way(self._cache) if self._sending else workstation.build(self._cache)

    def _wrong(self, root: Path, report: dict[str, Any]) -> Iterator[str]:
        layout = Layout(str(root))
        current = layout.current()
        name = current.name if current else None
        if report["ok"] and name != report["generation"]:
            yield f"{report['generation']} was reported, and current is {name}"
        if name != self._old and not self._is_ours(root):
            yield f"current is {name}, which is neither the old cache nor the new one"
        if current is None:
            if self._old is not None:
                yield "there is no current generation any more"
        elif problem := find_problem(layout, current, FULL):
            yield f"current is not whole: {problem}"
        for one in memory_problems(layout):
            yield f"the agent's memory: {one['problem']}"
        if is_locked(root / "lock"):
            yield "the lock is held"

    def _is_ours(self, root: Path) -> bool:
        try:
            found = sorted(tiles_in(root / "current" / "tiles.mbtiles").values())
        except Exception:  # noqa: BLE001 - whatever it is, it is not our cache
            return False
        return found == sorted(self._cache.supply.pictures.values())

    def _copy(self) -> Path:
        self._trials += 1
        folder = self._bench.folder / f"trial-{self._trials}"
        shutil.copytree(self._bench.root, folder, symlinks=True)
        return folder


def is_locked(path: Path) -> bool:
    """Tell whether somebody holds a lock."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _places(lines: Iterator[str], about: Sequence[str], first_verb: str) -> Iterator[Place]:
    counts: Counter[tuple[str, str]] = Counter()
    begin, begun_already = hexed(f'"verb":"{first_verb}"'.encode()), False
    for line in lines:
        begun = _LINE.match(line)
        if begun is None or begun[2] not in CHANGING:
            continue
        thread, call = begun[1], begun[2]
        counts[thread, call] += 1
        if not any(word in line for word in about):
            continue
        begun_already = begun_already or (call == "write" and begin in line)
        if begun_already and not (call == "openat" and _OPENED_FOR_READING.search(line)):
            yield Place(call, counts[thread, call])
