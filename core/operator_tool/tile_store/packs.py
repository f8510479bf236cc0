"""Pack files: pictures one after the other, only ever appended to. What lies where is the index's to know."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import uuid
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from operator_tool.api import DownloadError
from operator_tool.failpoints import failpoint

from .disk import free_text, megabytes, sync_folder
from .records import Place

_WRITE_BYTES = 1024 * 1024
_OPEN_PACKS = 16


class PackWriter:
    """The pack of one writing session. The file is made at the first picture, and is this session's alone.

    Raises ``DownloadError`` when the disk refuses: what was durable stays so, and the next picture opens a new pack.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd: int | None = None
        self._name = ""
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._end = 0
        self._durable_end = 0

    def append(self, data: bytes) -> Place:
        """Take a picture; it is durable only after :meth:`make_durable`."""
        try:
            if self._fd is None:
                self._fd, self._name = _create_pack(self._folder)
            place = Place(self._name, self._end, len(data))
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            self._end += len(data)
            if self._waiting_bytes >= _WRITE_BYTES:
                self._write()
        except OSError as error:
            raise self._give_up(error) from error
        return place

    def make_durable(self) -> None:
        """Bring everything that was appended to the disk."""
        if self._fd is None:
            return
        try:
            self._write()
            failpoint("store.after_pack_written")
            if self._end > self._durable_end:
                os.fsync(self._fd)
                if self._durable_end == 0:
                    sync_folder(self._folder)
                self._durable_end = self._end
        except OSError as error:
            raise self._give_up(error) from error

    def close(self) -> None:
        """Close the pack; what was appended since the last :meth:`make_durable` is cut off, an empty pack removed."""
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        # Bytes that nothing refers to cost room and nothing else, so a disk that refuses here is no failure.
        with suppress(OSError):
            if self._durable_end == 0:
                (self._folder / f"{self._name}.pack").unlink(missing_ok=True)
            else:
                os.ftruncate(fd, self._durable_end)
        os.close(fd)
        self._waiting = []
        self._waiting_bytes = self._end = self._durable_end = 0

    def _write(self) -> None:
        assert self._fd is not None
        view = memoryview(b"".join(self._waiting))
        self._waiting = []
        self._waiting_bytes = 0
        while view:
            view = view[os.write(self._fd, view) :]

    def _give_up(self, error: OSError) -> DownloadError:
        # After a failed fsync the kernel may call pages clean that never reached the disk: this file is not trusted
        # with another byte.
        needed_bytes = self._end - self._durable_end
        self.close()
        return DownloadError(
            f"the tile store {self._folder.parent} can't be written: {error.strerror};"
            f" {megabytes(needed_bytes)} were to be added, {free_text(self._folder.parent)}",
            hint="Make room on this disk and run the same command again: tiles that were stored are kept.",
        )


def _create_pack(folder: Path) -> tuple[int, str]:
    """Make a pack and hold its lock for as long as the descriptor is open: so a sweep can tell it from an orphan."""
    while True:
        name = uuid.uuid4().hex
        fd = os.open(folder / f"{name}.pack", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink > 0:
                return fd, name
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def sweep_orphans(folder: Path, is_known: Callable[[str], bool]) -> None:
    """Remove packs of sessions that died before their first commit: nothing refers to them, and nobody holds them."""
    for path in folder.glob("*.pack"):
        if is_known(path.stem):
            continue
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Asked again under the lock: its session may have committed and ended since.
            if not is_known(path.stem):
                path.unlink(missing_ok=True)
        except OSError:
            continue
        finally:
            os.close(fd)


def pack_sizes(folder: Path) -> dict[str, int]:
    """Return the size of each pack file, by the pack's name."""
    sizes = {}
    for path in folder.glob("*.pack"):
        with suppress(FileNotFoundError):  # a sweep removed it meanwhile
            sizes[path.stem] = path.stat().st_size
    return sizes


class PackReader:
    """Reads contents at their places; keeps the packs read last open. Not for two threads at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fds: OrderedDict[str, int] = OrderedDict()

    def read(self, place: Place) -> bytes:
        """Return the bytes at a place: fewer than its length when the pack is shorter. Raises ``OSError``."""
        fd = self._fds.get(place.pack)
        if fd is None:
            fd = os.open(self._folder / f"{place.pack}.pack", os.O_RDONLY | os.O_CLOEXEC)
            self._fds[place.pack] = fd
            if len(self._fds) > _OPEN_PACKS:
                os.close(self._fds.popitem(last=False)[1])
        else:
            self._fds.move_to_end(place.pack)
        return os.pread(fd, place.length_bytes, place.offset)

    def verified(self, sha256: bytes, place: Place) -> bytes | None:
        """Return the content at a place, or None when it is damaged there. Raises ``DownloadError``."""
        try:
            data = self.read(place)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EIO):
                return None
            raise DownloadError(f"the tile store {self._folder.parent} can't be read: {error.strerror}") from error
        return data if hashlib.sha256(data).digest() == sha256 else None

    def close(self) -> None:
        """Close the packs."""
        while self._fds:
            os.close(self._fds.popitem()[1])
