"""Files of an operator's folder, read whole: never one that isn't plain, never one without end, never waiting."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from operator_tool.api import Corrupt, NotModified, Tile, TileResult, WantedTile, sniff_picture_format

MAX_TILE_BYTES = 4 * 1024 * 1024
# Without O_NONBLOCK, to open a FIFO is to wait for somebody who writes to it.
OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextmanager
def close_file(fd: int) -> Iterator[None]:
    """Close a descriptor at the end, whatever happens."""
    try:
        yield
    finally:
        os.close(fd)


def read_plain_file(path: Path, *, max_bytes: int) -> tuple[bytes, int]:
    """Return a file's bytes and its time in ns; nothing and 0 where there is no plain file of at most that length.

    Raises ``OSError`` when there is one that can't be read.
    """
    try:
        fd = os.open(path, OPEN_FLAGS)
    except FileNotFoundError:
        return b"", 0
    with close_file(fd):
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
            return b"", 0
        return _read_to_end(fd, status.st_size)[:max_bytes], status.st_mtime_ns


def read_tile(fd: int, wanted: WantedTile) -> TileResult:
    """Return what an open file gives for a tile. Its ETag is made of its size and time. Raises ``OSError``."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return Corrupt(wanted.id, "not a plain file")
    etag = f'"{status.st_size:x}-{status.st_mtime_ns:x}"'
    if etag == wanted.etag:
        return NotModified(wanted.id)
    if status.st_size > MAX_TILE_BYTES:
        return Corrupt(wanted.id, f"{status.st_size:,} bytes long, more than {MAX_TILE_BYTES >> 20} MiB")
    data = _read_to_end(fd, status.st_size)
    if len(data) != status.st_size:
        return Corrupt(wanted.id, "the file was changed while it was read")
    if sniff_picture_format(data) is None:
        return Corrupt(wanted.id, "not a jpg, png or webp picture")
    return Tile(wanted.id, data, etag)


def _read_to_end(fd: int, size_bytes: int) -> bytes:
    """Return the file's bytes, and one more than ``size_bytes`` when it has grown."""
    data = os.read(fd, size_bytes + 1)
    while len(data) <= size_bytes and (more := os.read(fd, size_bytes + 1 - len(data))):
        data += more
    return data
