"""What may be on the disk after a power cut: the promises of two kinds of file system, and nothing beyond them.

``WEAK`` is the least that a POSIX file system with an atomic ``rename`` may do; a protocol that is sound on it is sound
on all of them:

* A name that was entered, removed or renamed is on the disk once its folder was synced after it; until then it may be
  there or not, whatever came of names that were changed before or after it, in this folder or another one.
* A rename is one step: never is the name gone and the new one not there, or both there. One that led from one folder
  to another is on the disk once the one that has the name now was synced; to sync the other one is not enough.
* Bytes that were written, and a file's size, are on the disk once the file was synced after it; until then each write
  may be there, may not, may be there as a hole that reads as zeros (the size came, the bytes did not), or may be torn.
* Syncing a file says nothing of its name, syncing a folder nothing of what its files hold.

``ORDERED`` is ext4 as most companions mount it (``data=ordered``, ``auto_da_alloc``): names change in the order in
which they were changed, up to some moment; whatever is synced takes all changes of names before it along. A file that
was renamed over another one has its bytes; any other new one may be empty still.

In both a ``Sync`` covers what was complete when it *began*. Permissions are never varied: nothing that is judged here
depends on them, and the agent sets those that it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from .operations import (
    DataOperation,
    NameOperation,
    Recording,
    Rename,
    Resize,
    Sync,
    Write,
    folder_of,
    rename_into,
    write_into,
)

_SECTOR_BYTES = 512
Writes = Mapping[int, Sequence[DataOperation]]
"""What was written, by file, in its order."""


class Base(msgspec.Struct, frozen=True):
    """What is on the disk for certain, and what may be beside it."""

    names: Sequence[tuple[NameOperation, bool]]
    """Changes of names in their order; true where one may be there or not."""
    certain: Writes
    open: Writes
    """What may be there or not; it all came after what is certain of the same file."""

    def chosen(self, recording: Recording, choices: Mapping[int, bool]) -> dict[tuple[int, str], int]:
        """Return the names that are there; ``choices`` are by the place in ``names``, and what it leaves out is not."""
        names = dict(recording.before)
        for place, (operation, may_be) in enumerate(self.names):
            if not may_be or choices.get(place, False):
                rename_into(names, operation)
        return names


class Model(msgspec.Struct, frozen=True):
    """A kind of file system."""

    name: str
    in_order: bool
    """Of the changes of names that are not certain, those that are there came before those that are not; and what is
    renamed over another file takes its bytes along."""

    def bases(self, recording: Recording, count: int) -> list[Base]:
        """Return what may be there when the power fails after ``count`` operations."""
        done = recording.operations[:count]
        covered: dict[int, int] = {}
        for operation in done:
            if isinstance(operation, Sync):
                covered[operation.inode] = max(operation.covers, covered.get(operation.inode, 0))
        if not self.in_order:
            names = [
                (operation, place >= covered.get(folder_of(operation), 0))
                for place, operation in enumerate(done)
                if isinstance(operation, NameOperation)
            ]
            return [Base(names, *_split(done, covered))]
        certain = max(covered.values(), default=0)
        ends = [certain, *(place + 1 for place in range(certain, count) if isinstance(done[place], NameOperation))]
        bases = []
        for end in ends:
            kept = [(operation, False) for operation in done[:end] if isinstance(operation, NameOperation)]
            flushed = _flushed(recording, done[:end])
            both = {inode: max(covered.get(inode, 0), flushed.get(inode, 0)) for inode in {*covered, *flushed}}
            bases.append(Base(kept, *_split(done, both)))
        return bases

    def ways_of(self, operation: DataOperation, size: int) -> list[Sequence[DataOperation]]:
        """Return what may be there of one operation on a file of ``size`` bytes: nothing, all, or a part."""
        if isinstance(operation, Resize):
            return [(), (operation,)]
        data, start, inode = operation.data, operation.offset, operation.inode
        end = start + len(data)
        half = len(data) // 2
        if half > _SECTOR_BYTES:
            half -= (start + half) % _SECTOR_BYTES
        head, tail = Write(inode, start, data[:half]), Write(inode, start + half, data[half:])
        longer = Write(inode, end, b"")
        if end <= size:
            return [(), (operation,), (head,), (tail,)]
        return [(), (operation,)] if self.in_order else [(), (operation,), (head,), (tail,), (longer,), (longer, head)]


WEAK = Model("weakest", in_order=False)
ORDERED = Model("ordered", in_order=True)


def content_of(base: bytes, operations: Sequence[DataOperation]) -> bytes:
    """Return a file's bytes after these operations."""
    content = bytearray(base)
    for operation in operations:
        write_into(content, operation)
    return bytes(content)


def _split(done: Sequence[object], certain: Mapping[int, int]) -> tuple[Writes, Writes]:
    synced: dict[int, list[DataOperation]] = {}
    unsynced: dict[int, list[DataOperation]] = {}
    for place, operation in enumerate(done):
        if isinstance(operation, DataOperation):
            side = synced if place < certain.get(operation.inode, 0) else unsynced
            side.setdefault(operation.inode, []).append(operation)
    return synced, unsynced


def _flushed(recording: Recording, done: Sequence[object]) -> dict[int, int]:
    """Return for each file that was renamed over another one up to which operation its bytes went along."""
    names = dict(recording.before)
    flushed: dict[int, int] = {}
    for place, operation in enumerate(done):
        if isinstance(operation, Rename) and (operation.to_folder, operation.to_name) in names:
            flushed[operation.inode] = place
        if isinstance(operation, NameOperation):
            rename_into(names, operation)
    return flushed
