"""What must hold of every state: the rules, each by its name, judged by the agent's own code.

Nothing is laid down for it but what ``SCOPE`` has: whatever else may be there can't have been looked at.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.generations.files import hash_file
from operator_tool_plugins.provisioners.c10.agent.generations.manifest import read_manifest
from operator_tool_plugins.provisioners.c10.agent.generations.soundness import FULL, find_problem
from operator_tool_plugins.provisioners.c10.agent.generations.state import committed_seq
from operator_tool_plugins.provisioners.c10.agent.generations.verify import memory_problems
from operator_tool_plugins.provisioners.c10.agent.layout import Generation, Layout
from operator_tool_plugins.provisioners.c10.agent.signing.signers import enrolled

from .enumerate import State
from .operations import FILE
from .trees import Pool, Scope, Tree

OLD_OR_NEW = "current is the old or the new generation"
REPORTED = "once it is reported, the new generation is current"
CURRENT_WHOLE = "current is whole"
HIGHEST = "the highest number stays known"
GOING_BACK = "what can be gone back to is whole"
MEMORY = "the agent's memory can be read"
POINTER = "the link is where the agent's memory has it"
READY = "what was said to be ready is there, whole"
SIGNERS = "a signer is known, and once it is reported the new one alone"

CACHE = "cache"
"""The cache root's name in the folder that is recorded: that it comes to be is part of it."""
SCOPE = Scope(
    CACHE,
    frozenset({"current", "generations", "state", "pins", "allowed_signers", "revoked_signers", "companion.json"}),
)


class Expected(msgspec.Struct, frozen=True):
    """The two ways in which a protocol may leave a cache, by the names of generations."""

    old: str | None
    new: str | None
    old_highest_seq: int
    verb: str = "build"
    """Whose report says that the new one is current."""
    signer: str = ""
    """Who alone is to be enrolled once that is reported."""


class Bad(msgspec.Struct, frozen=True):
    """A rule that a state breaks."""

    rule: str
    why: str


class Judge:
    """Judges states in a folder of its own.

    What is judged follows from the names that are there and from the files and folders that were opened: a state with
    those names whose files differ only where nobody looked gets the same verdict, and is not laid down again.
    """

    def __init__(self, folder: Path, expected: Expected) -> None:
        folder.mkdir(parents=True)
        self.judged = 0
        """States that were laid down, and judged."""
        self.alike = 0
        """States whose verdict followed from another one's."""
        self._pool = Pool(folder / "pool")
        self._place = folder / "state"
        self._expected = expected
        self._verdicts: dict[object, dict[tuple[str, ...], dict[object, list[Bad]]]] = {}

    def bad(self, state: State) -> list[Bad]:
        """Return the rules that a state breaks."""
        names = tuple((path, one.kind, b"" if one.kind == FILE else one.content) for path, one in state.tree.items())
        verdicts = self._verdicts.setdefault((state.said, names), {})
        for looked_at, known in verdicts.items():
            verdict = known.get(_bytes_at(state.tree, looked_at))
            if verdict is not None:
                self.alike += 1
                return verdict
        self.judged += 1
        self._pool.lay_down(state.tree, self._place)
        try:
            with _Looking(self._place) as looking:
                verdict = list(self._broken(Layout(str(self._place / CACHE)), state.said))
        finally:
            shutil.rmtree(self._place)
        looked_at = tuple(path for path, one in state.tree.items() if one.kind == FILE and looking.has_seen(path))
        verdicts.setdefault(looked_at, {})[_bytes_at(state.tree, looked_at)] = verdict
        return verdict

    def _broken(self, layout: Layout, said: tuple[str, ...]) -> Iterator[Bad]:
        expected = self._expected
        reports = [report for report in map(json.loads, said) if report.get("report") == expected.verb]
        reported = any(report["ok"] for report in reports)
        current = layout.current()
        name = current.name if current else None
        if name not in (expected.old, expected.new):
            yield Bad(OLD_OR_NEW, f"it leads to {name}")
        if reported and name != expected.new:
            yield Bad(REPORTED, f"current leads to {name}")
        if current is not None and (problem := find_problem(layout, current, FULL)):
            yield Bad(CURRENT_WHOLE, str(problem))
        highest = max([expected.old_highest_seq, *(report.get("seq", 0) for report in reports if report["ok"])])
        if committed_seq(layout) < highest:
            yield Bad(HIGHEST, f"{committed_seq(layout)} is below {highest}")
        for generation in layout.all_generations():
            is_known = generation.seq <= committed_seq(layout)
            if is_known and generation != current and (problem := find_problem(layout, generation, FULL)):
                yield Bad(GOING_BACK, f"{generation.name}: {problem}")
        yield from self._memory(layout)
        if expected.signer:
            yield from self._signers(layout, reported=reported)
        if any('"event":"ready"' in line for line in said):
            yield from self._ready(layout)

    def _memory(self, layout: Layout) -> Iterator[Bad]:
        for problem in memory_problems(layout):
            yield Bad(POINTER if problem["code"] == "pointer" else MEMORY, str(problem["problem"]))

    def _signers(self, layout: Layout, *, reported: bool) -> Iterator[Bad]:
        try:
            found = enrolled(layout)
        except AgentError as error:
            yield Bad(SIGNERS, str(error))
            return
        known = [signer.principal for signer in found.usable()] if found is not None else []
        if not known or (reported and known != [self._expected.signer]):
            yield Bad(SIGNERS, f"they are {known}")

    def _ready(self, layout: Layout) -> Iterator[Bad]:
        found = [one for one in layout.all_generations() if one.name == self._expected.new]
        if not found:
            yield Bad(READY, f"{self._expected.new} is not there")
        elif problem := _differs(found[0]):
            yield Bad(READY, problem)


class _Looking:
    """Notes which files and folders below one folder are opened while the block runs."""

    _now: _Looking | None = None
    _hooked = False

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder) + "/"
        self._seen: set[str] = set()

    def __enter__(self) -> _Looking:
        if not _Looking._hooked:
            _Looking._hooked = True
            sys.addaudithook(_Looking._note)
        _Looking._now = self
        return self

    def __exit__(self, *_exception: object) -> None:
        _Looking._now = None

    def has_seen(self, path: str) -> bool:
        """Tell whether a file was opened, or a folder that it lies in: its size may be known then."""
        return any(place in self._seen for place in _with_folders(path))

    @staticmethod
    def _note(event: str, arguments: tuple[object, ...]) -> None:
        now = _Looking._now
        if now is None or event not in ("open", "os.listdir", "os.scandir"):
            return
        path = os.fspath(arguments[0]) if isinstance(arguments[0], str | os.PathLike) else ""
        if isinstance(path, str) and path.startswith(now._folder):
            now._seen.add(path.removeprefix(now._folder))


def _with_folders(path: str) -> Iterator[str]:
    """Yield a path and the folders of a generation that it lies in; a listing of what is above tells names alone."""
    yield path
    while (path := path.rpartition("/")[0]).count("/") >= 2:
        yield path


def _bytes_at(tree: Tree, paths: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(tree[path].content for path in paths)


def _differs(generation: Generation) -> str | None:
    """Return how a generation's files differ from its manifest; who signed it does not matter before the switch."""
    try:
        manifest = read_manifest(generation.path)
        for entry in manifest.all_files:
            if hash_file(f"{generation.path}/{entry.path}") != entry.sha256:
                return f"{entry.path} has other bytes"
    except (AgentError, OSError) as error:
        return str(error)
    return None
