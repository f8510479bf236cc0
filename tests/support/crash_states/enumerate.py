"""Every state that a power cut may leave behind, at every moment of a recording, as far as somebody looks at it.

At each crash point all combinations of what may be on the disk are gone through where there are at most ``EXACT`` of
them. Where there are more: none of it, all of it, each one alone, each one missing, each pair, what came first, and
seeded draws; how often that was so is counted. What is equal is told once.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from .model import Base, Model, content_of
from .operations import FILE, Enter, NameOperation, Recording, Rename, Say
from .trees import Entry, Scope, Tree, tree_of

EXACT = 4096
_T = TypeVar("_T")


class State(msgspec.Struct, frozen=True):
    """What is there after a power cut, and what had been said before it."""

    after: int
    """So many operations were complete."""
    tree: Tree
    said: tuple[str, ...]
    """The lines that the workstation may have had."""


class Tally:
    """How much was enumerated."""

    def __init__(self) -> None:
        self.points = 0
        """Moments at which the power was cut."""
        self.exact = 0
        """States, equal ones counted each time, from moments at which there was none beside them."""
        self.bounded = 0
        """States from moments at which there were too many to take them all."""
        self.distinct = 0


class Enumeration:
    """Goes through the states of one recording under one model, as far as a scope shows them."""

    def __init__(self, recording: Recording, model: Model, scope: Scope, *, seed: int = 1, draws: int = 64) -> None:
        self.tally = Tally()
        self._recording = recording
        self._model = model
        self._scope = scope
        self._random = random.Random(seed)
        self._seen: set[object] = set()
        self._whole = True
        self._draws = draws
        """How many are drawn where there are too many; pairs are gone through where it is more than none."""

    def states(self) -> Iterator[State]:
        """Yield each state once."""
        said: list[str] = []
        for count in range(len(self._recording.operations) + 1):
            if count and isinstance(last := self._recording.operations[count - 1], Say):
                said.append(last.line)
            self.tally.points += 1
            self._whole = True
            found = 0
            milestones = milestones_of(said)
            for tree in self.trees_after(count):
                found += 1
                key = (milestones, tuple((path, entry.kind, entry.content) for path, entry in sorted(tree.items())))
                if key not in self._seen:
                    self._seen.add(key)
                    self.tally.distinct += 1
                    yield State(count, tree, milestones)
            if self._whole:
                self.tally.exact += found
            else:
                self.tally.bounded += found

    def trees_after(self, count: int) -> Iterator[Tree]:
        """Yield what may be there after ``count`` operations; the same tree may come again."""
        looked_at: set[object] = set()
        for base in self._model.bases(self._recording, count):
            places = self._that_show(base)
            for picks in self._combinations([(False, True)] * len(places)):
                chosen = dict(zip(places, picks, strict=True))
                tree = tree_of(self._recording, base.chosen(self._recording, chosen), self._scope)
                key = (tuple(sorted((path, entry.inode) for path, entry in tree.items())), _open_in(base, tree))
                if key not in looked_at:
                    looked_at.add(key)
                    yield from self._filled(base, tree)

    def _that_show(self, base: Base) -> list[int]:
        """Return the places of the uncertain changes of names that the scope can show, in any combination."""
        edges: dict[int, list[tuple[str, int]]] = {}
        for (folder, name), inode in self._recording.before.items():
            edges.setdefault(folder, []).append((name, inode))
        for operation, _may_be in base.names:
            if isinstance(operation, Enter):
                edges.setdefault(operation.folder, []).append((operation.name, operation.inode))
            elif isinstance(operation, Rename):
                edges.setdefault(operation.to_folder, []).append((operation.to_name, operation.inode))
        paths: dict[int, set[str]] = {self._recording.top: {""}}
        todo = [self._recording.top]
        while todo:
            folder = todo.pop()
            for name, inode in edges.get(folder, ()):
                below = {prefix + name + "/" for prefix in paths[folder] if self._scope.has(prefix + name)}
                if not below <= paths.get(inode, set()):
                    paths.setdefault(inode, set()).update(below)
                    todo.append(inode)

        def shows(folder: int, name: str) -> bool:
            return any(self._scope.has(prefix + name) for prefix in paths.get(folder, ()))

        return [
            place
            for place, (operation, may_be) in enumerate(base.names)
            if may_be and any(shows(folder, name) for folder, name in _slots_of(operation))
        ]

    def _filled(self, base: Base, tree: Tree) -> Iterator[Tree]:
        """Yield the tree with whatever bytes its files may have."""
        variants = {path: self._contents(base, entry.inode) for path, entry in tree.items() if entry.kind == FILE}
        paths = list(variants)
        for contents in self._combinations([variants[path] for path in paths]):
            filled = dict(tree)
            for path, content in zip(paths, contents, strict=True):
                filled[path] = Entry(FILE, tree[path].inode, content)
            yield filled

    def _contents(self, base: Base, inode: int) -> list[bytes]:
        certain = content_of(self._recording.inodes[inode].content, base.certain.get(inode, ()))
        operations = base.open.get(inode, ())
        if not operations:
            return [certain]
        ways = [self._model.ways_of(operation, len(certain)) for operation in operations]
        contents = (
            content_of(certain, list(itertools.chain.from_iterable(picks))) for picks in self._combinations(ways)
        )
        return list(dict.fromkeys(contents))

    def _combinations(self, options: Sequence[Sequence[_T]]) -> Iterator[tuple[_T, ...]]:
        """Yield one pick of each, in every combination or a bounded part of them; a first pick is none."""
        total = 1
        for picks in options:
            total *= len(picks)
        if total <= EXACT:
            yield from itertools.product(*options)
            return
        self._whole = False
        none = tuple(picks[0] for picks in options)
        everything = tuple(picks[min(1, len(picks) - 1)] for picks in options)
        yield none
        yield everything
        several = [place for place, picks in enumerate(options) if len(picks) > 1]
        for start in (none, everything):
            for place in several:
                for pick in options[place]:
                    yield (*start[:place], pick, *start[place + 1 :])
        for place in several:
            yield (*everything[:place], *none[place:])
        pairs = itertools.combinations(several, 2) if self._draws else ()
        for first, second in itertools.islice(pairs, EXACT):
            yield tuple(everything[place] if place in (first, second) else none[place] for place in range(len(options)))
        for _ in range(self._draws):
            yield tuple(self._random.choice(picks) for picks in options)


def drawn(recording: Recording, model: Model, seed: int) -> State:
    """Return one whole state, drawn: a moment, what is there of the names, and of each file."""
    random_ = random.Random(seed)
    moments = [place + 1 for place, one in enumerate(recording.operations) if isinstance(one, NameOperation | Say)]
    count = random_.choice(moments) if random_.random() < 0.75 else random_.randint(0, len(recording.operations))
    share = random_.choice((0.0, 0.3, 0.7, 1.0))
    base = random_.choice(model.bases(recording, count))
    chosen = {place: random_.random() < share for place, (_one, may_be) in enumerate(base.names) if may_be}
    tree = tree_of(recording, base.chosen(recording, chosen))
    for path, entry in tree.items():
        if entry.kind == FILE:
            content = content_of(recording.inodes[entry.inode].content, base.certain.get(entry.inode, ()))
            size = len(content)
            for operation in base.open.get(entry.inode, ()):
                ways = model.ways_of(operation, size)
                way = ways[1] if random_.random() < share else random_.choice(ways)
                content = content_of(content, way)
            tree[path] = Entry(FILE, entry.inode, content)
    said = [one.line for one in recording.operations[:count] if isinstance(one, Say)]
    return State(count, tree, milestones_of(said))


def milestones_of(said: Sequence[str]) -> tuple[str, ...]:
    """Return the lines on which somebody relies: that a generation is ready, and reports."""
    return tuple(line for line in said if line.startswith(('{"event":"ready"', '{"report":')))


def _slots_of(operation: NameOperation) -> list[tuple[int, str]]:
    slots = [(operation.folder, operation.name)]
    return [*slots, (operation.to_folder, operation.to_name)] if isinstance(operation, Rename) else slots


def _open_in(base: Base, tree: Tree) -> tuple[object, ...]:
    inodes = sorted({entry.inode for entry in tree.values() if entry.kind == FILE})
    return tuple((inode, len(_of(base.certain, inode)), len(_of(base.open, inode))) for inode in inodes)


def _of(writes: Mapping[int, Sequence[object]], inode: int) -> Sequence[object]:
    return writes.get(inode, ())
