"""A file that is on its way: named after its hash while it grows, by its own name once it is whole and on the disk."""

from __future__ import annotations

import hashlib
import os
from typing import Callable, Union

from ..faults import AgentError
from ..generations.files import FileEntry
from ..layout import remove

_READ_BYTES = 1024 * 1024
_SYNC_BYTES = 64 * 1024 * 1024
"""So much is left to be written at most when the last byte has come."""


def part_name(sha256: str) -> str:
    """Return the name of a file while it is incomplete; a listing that knows it is no generation's."""
    return ".part-" + sha256


class PartFile:
    """One file that grows at its end. What an earlier attempt left is continued, having been hashed again.

    ``look`` is called for each piece that is read, and may raise.
    """

    def __init__(self, folder: str, entry: FileEntry, look: Callable[[], None]) -> None:
        self.size = 0
        self._entry = entry
        self._folder = folder
        self._path = os.path.join(folder, part_name(entry.sha256))
        self._unsynced = 0
        self._digest = hashlib.sha256()
        if os.path.lexists(self._path) and not self._holds_a_beginning():
            remove(self._path)
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        if os.path.lexists(self._path):
            self._fd = os.open(self._path, flags)
            self._rehash(look)
        else:
            self._fd = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, 0o644)

    @property
    def is_complete(self) -> bool:
        """Whether all of its bytes have come."""
        return self.size == self._entry.bytes

    def add(self, piece: Union[bytes, memoryview]) -> None:
        """Write the next bytes."""
        if self.size + len(piece) > self._entry.bytes:
            raise AgentError("protocol", "%s is longer than its size" % self._entry.path)
        self._digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(self._fd, view) :]
        self.size += len(piece)
        self._unsynced += len(piece)
        if self._unsynced >= _SYNC_BYTES:
            os.fdatasync(self._fd)
            self._unsynced = 0

    def finish(self, name: str) -> None:
        """Give the whole file its name once it has reached the disk; raises ``hash`` where it is another file."""
        if self._digest.hexdigest() != self._entry.sha256:
            os.unlink(self._path)
            raise AgentError("hash", "%s arrived with other bytes than its hash's" % self._entry.path)
        os.fchmod(self._fd, 0o444)
        os.fsync(self._fd)
        os.rename(self._path, os.path.join(self._folder, name))

    def close(self) -> None:
        """Close it; again is harmless."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _holds_a_beginning(self) -> bool:
        found = os.lstat(self._path)
        return 0 < found.st_size < self._entry.bytes and found.st_nlink == 1

    def _rehash(self, look: Callable[[], None]) -> None:
        while True:
            look()
            piece = os.read(self._fd, _READ_BYTES)
            if not piece:
                return
            self._digest.update(piece)
            self.size += len(piece)


def copied(source: str, folder: str, entry: FileEntry, look: Callable[[], None]) -> bool:
    """Copy a file of this machine into ``folder``; tell whether its bytes were those that are wanted."""
    stale = os.path.join(folder, part_name(entry.sha256))
    if os.path.lexists(stale):
        remove(stale)
    part = PartFile(folder, entry, look)
    try:
        fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            while not part.is_complete:
                look()
                piece = os.read(fd, _READ_BYTES)
                if not piece:
                    break
                part.add(piece[: entry.bytes - part.size])
        finally:
            os.close(fd)
        part.finish(os.path.basename(entry.path))
    except AgentError as error:
        if error.code == "armed":
            raise
        return False
    finally:
        part.close()
    return True
