"""Every byte of a store read and compared: what rotted is forgotten, so that the next run fetches it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path

import msgspec

from operator_tool.api import OperatorToolError, TileId

from .folder import INDEX_NAME, PACKS_NAME, FolderLock
from .index import NAMED_TILES, Index
from .packs import PackReader
from .records import Damage, Place

_FORGET_AT_ONCE = 1_000

Tell = Callable[[int], None]
"""Is told how many bytes were read since it was told last."""


class Verification(msgspec.Struct, kw_only=True):
    """What was found in one store."""

    contents: int = 0
    bytes: int = 0
    damaged_contents: int = 0
    """Pictures that are not what they were: rotten, cut short, or gone with their pack."""
    damaged_tiles: int = 0
    """The tiles that show one of them, or a picture that the store doesn't know."""
    first_tiles: tuple[TileId, ...] = ()
    """The first of these tiles."""
    index_problems: tuple[str, ...] = ()
    """What SQLite says of the index's file, when it is not ``ok``."""
    problem: str = ""
    """Why the store could not be read to its end."""

    @property
    def is_well(self) -> bool:
        """True when there is nothing to complain of."""
        return not (self.damaged_contents or self.damaged_tiles or self.index_problems or self.problem)

    def add(self, damage: Damage) -> None:
        """Count more damage."""
        self.damaged_contents += damage.contents
        self.damaged_tiles += damage.tiles
        self.first_tiles = (*self.first_tiles, *damage.first_tiles)[:NAMED_TILES]


def bytes_to_verify(folder: Path) -> int:
    """Return how many bytes :func:`verify` will read of a store; 0 for one that can't be asked."""
    try:
        with _opened(folder) as (reading, _):
            return int(reading.query("SELECT coalesce(sum(length_bytes), 0) FROM contents")[0][0])
    except OperatorToolError:
        return 0


def verify(folder: Path, *, forget: bool, tell: Tell = lambda _: None) -> Verification:
    """Read every picture of a store and compare it with its SHA-256; with ``forget``, forget the damaged ones.

    A run may be using the store meanwhile. Takes a few megabytes, however many tiles there are.
    """
    found = Verification()
    try:
        with _opened(folder) as (reading, writing):
            checked = [row for (row,) in reading.query("PRAGMA quick_check(10)")]
            if checked != ["ok"]:
                found.index_problems = tuple(checked)
            for damaged in _in_parts(_damaged(reading, folder / PACKS_NAME, found, tell)):
                found.add(writing.forget(damaged) if forget else writing.damage_of(damaged))
            found.add(writing.strays(forget=forget))
    except OperatorToolError as error:
        found.problem = error.message
    return found


def _damaged(index: Index, folder: Path, found: Verification, tell: Tell) -> Iterator[tuple[bytes, Place]]:
    """Yield each content that is not at its place, in the order in which they lie."""
    names = dict(index.query("SELECT id, name FROM packs"))
    with closing(PackReader(folder)) as packs:
        for sha256, pack, offset, length_bytes in index.each(
            "SELECT sha256, pack, offset, length_bytes FROM contents ORDER BY pack, offset"
        ):
            place = Place(names.get(pack, "unknown"), offset, length_bytes)
            if packs.verified(sha256, place) is None:
                yield sha256, place
            found.contents += 1
            found.bytes += length_bytes
            tell(length_bytes)


def _in_parts(found: Iterator[tuple[bytes, Place]]) -> Iterator[list[tuple[bytes, Place]]]:
    while part := list(islice(found, _FORGET_AT_ONCE)):
        yield part


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[Index, Index]]:
    """Give the index twice, to walk along and to change meanwhile, with pruning held off."""
    with ExitStack() as stack:
        lock = FolderLock.share(folder)
        if lock is not None:
            stack.callback(lock.release)
        reading = stack.enter_context(closing(Index.open_there(folder / INDEX_NAME)))
        writing = stack.enter_context(closing(Index.open_there(folder / INDEX_NAME)))
        reading.only_read()
        writing.spare_memory()
        yield reading, writing
