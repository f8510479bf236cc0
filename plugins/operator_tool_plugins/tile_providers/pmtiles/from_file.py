"""A PMTiles archive that lies on this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from operator_tool.api import Absent, ConfigError, DownloadError, Refused, RunContext, TileId, TileResult, WantedTile

from .archive import Archive
from .header import Span


class FileSource:
    """Reads one file, tile after tile, in the order in which they are wanted."""

    def __init__(self, path: Path, context: RunContext) -> None:
        self._path = path
        self._context = context
        self._fd: int | None = None
        self._opened_as: os.stat_result | None = None

    @property
    def named(self) -> str:
        """Its path."""
        return str(self._path)

    @property
    def version(self) -> str:
        """Its size and time."""
        assert self._opened_as is not None
        return f"{self._opened_as.st_size}:{self._opened_as.st_mtime_ns}"

    def open(self) -> int:
        """Open the file and return its length in bytes."""
        self.close()
        try:
            # Without O_NONBLOCK, to open a FIFO is to wait for somebody who writes to it.
            self._fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            self._opened_as = os.fstat(self._fd)
        except OSError as error:
            raise ConfigError(f"pmtiles.path {self._path} can't be opened: {error.strerror}") from error
        if not stat.S_ISREG(self._opened_as.st_mode):
            raise ConfigError(f"pmtiles.path {self._path} is not a file")
        return self._opened_as.st_size

    def read(self, span: Span) -> bytes:
        """Return some bytes of the file."""
        assert self._fd is not None
        try:
            data = os.pread(self._fd, span.length, span.offset)
        except OSError as error:
            raise DownloadError(
                f"{self._path} can't be read: {error.strerror}", hint="Check the disk that it lies on."
            ) from error
        if len(data) != span.length:
            raise self._changed()
        return data

    def fetch(self, wanted: Iterator[WantedTile], archive: Archive) -> Iterator[TileResult]:
        """Yield the tiles in the order in which they are wanted."""
        found: set[int] = set()
        mirrored: set[int] = set()
        for tile in wanted:
            if self._context.cancelled.is_set():
                return
            place = archive.place(tile)
            z = tile.id.z
            if not isinstance(place, Absent):
                found.add(z)
            elif z not in found and _is_turned(archive, tile.id):
                mirrored.add(z)
                place = Refused(tile.id, "not under its row, but under the one that is counted from the other side")
            yield archive.picture(tile.id, self.read(place)) if isinstance(place, Span) else place
        self._check_unchanged()
        for z in sorted(mirrored - found):
            raise DownloadError(
                f"not one of the tiles that are needed at zoom {z} is in {self._path}, but the mirrored ones are: it"
                " seems to have been made of rows that are counted from the other side",
                hint="Make the archive again, with the rows the other way round.",
                retryable=False,
            )

    def dataset(self, archive: Archive) -> str:
        """Return the file's identity. Its time counts: other imagery in a file of the same size would go unseen."""
        name = "".join(c for c in archive.text("name") if c.isprintable())[:80] or self._path.stem
        return f"pmtiles:{name}:{self.version}:{archive.digest[:16]}"

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _check_unchanged(self) -> None:
        try:
            now = self._path.stat()
        except OSError as error:
            raise self._changed() from error
        if f"{now.st_size}:{now.st_mtime_ns}" != self.version:
            raise self._changed()

    def _changed(self) -> DownloadError:
        return DownloadError(f"{self._path} was changed while it was read", hint="Run the same command again.")


def _is_turned(archive: Archive, tile: TileId) -> bool:
    """Say whether a tile that is not there is under the row that is counted from the other side, and none is near."""
    z, x, y = tile.z, tile.x, tile.y
    if not archive.has(TileId(z, x, (1 << z) - 1 - y)):
        return False
    side = range(1 << z)
    near = (TileId(z, x + dx, y + dy) for dx in range(-8, 9) for dy in range(-8, 9))
    return not any(archive.has(one) for one in near if one.x in side and one.y in side)
