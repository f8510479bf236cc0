"""The machine's disk, which may be small, full or slow, for Python's files and for SQLite's."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from .state import NO_LIMIT, Machine

_sleep = time.sleep
_CREATING = os.O_CREAT | os.O_TRUNC
_PATCHED = ("open", "write", "writev", "pwrite", "copy_file_range", "sendfile", "statvfs", "fsync", "fdatasync")


class Disk:
    """The disk that the programs' home lies on."""

    def __init__(self, machine: Machine, home: str) -> None:
        self._machine = machine
        self._home = home

    def free_bytes(self) -> int | None:
        """Return what is left of a disk whose size was given, None for this machine's own."""
        capacity = self._machine.state.capacity_bytes
        return None if capacity == NO_LIMIT else max(0, capacity - _used_bytes(self._home))

    def room_for(self, fd: int, size: int, at: int | None = None) -> int:
        """Return how many of ``size`` bytes a file takes, at its position or at ``at``; none raises ``ENOSPC``."""
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return size
        self._take_time(size)
        free = self.free_bytes()
        if free is None or not size:
            return size
        if at is None:
            at = os.lseek(fd, 0, os.SEEK_CUR)
        fits = min(size, max(0, found.st_size - at) + free)
        if fits <= 0:
            raise _full()
        return fits

    def check_new_file(self, flags: int) -> None:
        """Raise ``ENOSPC`` where a full disk would not even take a name."""
        if flags & _CREATING and self.free_bytes() == 0:
            raise _full()

    def sync(self) -> None:
        """Take the time of an fsync."""
        if (seconds := self._machine.state.sync_s) > 0:
            _sleep(seconds)

    def grew(self, size: int) -> None:
        """Take the time of so much that was written past Python."""
        self._take_time(size)

    def _take_time(self, size: int) -> None:
        rate = self._machine.state.write_bytes_per_s
        if rate != NO_LIMIT and size > 0:
            _sleep(size / rate)


def use_disk(disk: Disk) -> None:
    """Have ``os`` and ``sqlite3`` write to this disk."""
    _patch_os(disk)

    class Connection(sqlite3.Connection):
        """A connection whose database can't outgrow the disk."""

        def __init__(self, database: Any, *arguments: Any, **named: Any) -> None:
            super().__init__(database, *arguments, **named)
            self._path = _path_of(os.fsdecode(database))
            self._size = _size_of(self._path)

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            self._keep_within()
            done = super().execute(sql, *parameters)
            if sql.lstrip()[:6].upper() == "COMMIT":
                before, self._size = self._size, _size_of(self._path)
                disk.grew(self._size - before)
            return done

        def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
            self._keep_within()
            return super().executemany(sql, parameters)

        def _keep_within(self) -> None:
            free = disk.free_bytes() if self._path else None
            if free is None:
                return
            # What is no database yet has no pages to count.
            with contextlib.suppress(sqlite3.Error):
                page_bytes = super().execute("PRAGMA page_size").fetchone()[0]
                pages = (_size_of(self._path) + free) // page_bytes
                super().execute(f"PRAGMA max_page_count = {max(1, pages)}")

    real_connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def connect(*arguments: Any, **named: Any) -> sqlite3.Connection:
        named.setdefault("factory", Connection)
        return real_connect(*arguments, **named)

    for module in (sqlite3, sqlite3.dbapi2):
        vars(module)["connect"] = connect


def _patch_os(disk: Disk) -> None:
    real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in _PATCHED if hasattr(os, name)}

    def open_(path: Any, flags: int, *more: Any, **named: Any) -> int:
        disk.check_new_file(flags)
        return int(real["open"](path, flags, *more, **named))

    def write(fd: int, data: Any) -> int:
        return int(real["write"](fd, memoryview(data).cast("B")[: disk.room_for(fd, memoryview(data).nbytes)]))

    def writev(fd: int, buffers: Any) -> int:
        return write(fd, b"".join(bytes(buffer) for buffer in buffers))

    def pwrite(fd: int, data: Any, offset: int) -> int:
        room = disk.room_for(fd, memoryview(data).nbytes, offset)
        return int(real["pwrite"](fd, memoryview(data).cast("B")[:room], offset))

    def copy_file_range(source: int, target: int, count: int, *offsets: Any, **named: Any) -> int:
        at = offsets[1] if len(offsets) > 1 else named.get("offset_dst")
        return int(real["copy_file_range"](source, target, disk.room_for(target, count, at), *offsets, **named))

    def sendfile(target: int, source: int, offset: Any, count: int, *more: Any) -> int:
        return int(real["sendfile"](target, source, offset, disk.room_for(target, count), *more))

    def statvfs(path: Any) -> os.statvfs_result:
        found: os.statvfs_result = real["statvfs"](path)
        free = disk.free_bytes()
        if free is None:
            return found
        fields = list(found)
        fields[3] = fields[4] = free // found.f_frsize
        return os.statvfs_result([*fields, found.f_fsid])

    def synced(name: str) -> Callable[[int], None]:
        def sync(fd: int) -> None:
            disk.sync()
            real[name](fd)

        return sync

    patched: dict[str, Callable[..., Any]] = {
        "open": open_,
        "write": write,
        "writev": writev,
        "pwrite": pwrite,
        "statvfs": statvfs,
    }
    patched |= {"copy_file_range": copy_file_range, "sendfile": sendfile}
    patched |= {name: synced(name) for name in ("fsync", "fdatasync")}
    for name in real:
        for known in (os.supports_dir_fd, os.supports_fd):
            if real[name] in known:
                known.add(patched[name])
        setattr(os, name, patched[name])


def _used_bytes(folder: str) -> int:
    used = 0
    for here, _folders, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                used += os.lstat(os.path.join(here, name)).st_size
    return used


def _path_of(database: str) -> str:
    if database.startswith("file:"):
        return unquote(database.removeprefix("file:").partition("?")[0])
    return "" if database == ":memory:" else database


def _size_of(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
