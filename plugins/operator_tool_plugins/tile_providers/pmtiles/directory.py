"""Directories of a PMTiles archive, which say where its tiles are: hostile ones cost no more than the largest real one.

The library unpacks and reads without bounds, so that is done here first; it then parses what is known to be sane.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from .header import ArchiveError, Span

MAX_DIRECTORY_BYTES = 1024 * 1024
"""As it lies in the archive; real ones have some 10 kB, and the root at most 16 KiB."""
_MAX_UNPACKED_BYTES = 2 * 1024 * 1024
_MAX_ENTRIES = 128 * 1024
"""The largest leaves that the library writes for 400 million tiles; archives of usual sizes have 4,096 in each."""
_TOO_LONG_NUMBER = re.compile(rb"[\x80-\xff]{10}")
"""A number of 64 bits takes ten bytes, of which the last one is below 128."""
_CONTINUED = bytes(range(0x80, 0x100))


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What a directory says of a tile: where its bytes are, or the directory to ask next."""

    span: Span
    """Counted from where the archive's tiles begin, or its leaf directories."""
    is_directory: bool


class Directory:
    """One directory, in 32 bytes an entry; ``find`` what it says of a tile."""

    def __init__(
        self, tile_ids: Sequence[int], run_lengths: Sequence[int], offsets: Sequence[int], lengths: Sequence[int]
    ) -> None:
        self._tile_ids = tile_ids
        self._run_lengths = run_lengths
        self._offsets = offsets
        self._lengths = lengths

    def __len__(self) -> int:
        return len(self._tile_ids)

    def find(self, tile_id: int) -> Entry | None:
        """Return the entry for a tile, by its number along the Hilbert curve; None where there is none."""
        at = bisect_right(self._tile_ids, tile_id) - 1
        if at < 0:
            return None
        run_length = self._run_lengths[at]
        if run_length and tile_id - self._tile_ids[at] >= run_length:
            return None
        return Entry(Span(self._offsets[at], self._lengths[at]), is_directory=not run_length)

    def first(self) -> Entry | None:
        """Return the first entry, None where the directory is empty."""
        return self.find(self._tile_ids[0]) if self._tile_ids else None

    def first_number(self) -> int | None:
        """Return the number of the first tile; None where the directory is empty."""
        return self._tile_ids[0] if self._tile_ids else None

    def last(self) -> tuple[int, Entry] | None:
        """Return the number of the last tile of the last entry, and that; None where the directory is empty."""
        if not self._tile_ids:
            return None
        entry = Entry(Span(self._offsets[-1], self._lengths[-1]), is_directory=not self._run_lengths[-1])
        return self._tile_ids[-1] + max(self._run_lengths[-1], 1) - 1, entry


def read_directory(data: bytes, *, is_gzip: bool) -> Directory:
    """Return the directory of these bytes of an archive. Raises ``ArchiveError``."""
    from pmtiles.tile import deserialize_directory, read_varint

    if is_gzip:
        data = unpack(data, max_bytes=_MAX_UNPACKED_BYTES)
    if _TOO_LONG_NUMBER.search(data):
        raise ArchiveError("has a number of more than 64 bits in a directory")
    numbers = len(data.translate(None, _CONTINUED))
    # The count, and of each entry its tile, run, length and offset.
    entries = read_varint(io.BytesIO(data)) if numbers else 0
    if numbers != 1 + 4 * entries:
        raise ArchiveError("has a directory of another length than it says")
    if entries > _MAX_ENTRIES:
        raise ArchiveError(f"has {entries:,} entries in one directory, more than {_MAX_ENTRIES:,}")
    # The library takes a directory in gzip alone.
    parsed = deserialize_directory(gzip.compress(data, compresslevel=0, mtime=0))
    try:
        return Directory(
            array("Q", [entry.tile_id for entry in parsed]),
            array("Q", [entry.run_length for entry in parsed]),
            array("Q", [entry.offset for entry in parsed]),
            array("Q", [entry.length for entry in parsed]),
        )
    except OverflowError:
        raise ArchiveError("has a number in a directory that is negative, or of more than 64 bits") from None


def unpack(data: bytes, *, max_bytes: int) -> bytes:
    """Return what was compressed with gzip. Raises ``ArchiveError`` when it is damaged or longer than that."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(data, max_bytes + 1)
    except zlib.error:
        raise ArchiveError("is damaged: what should be gzip is not") from None
    if len(unpacked) > max_bytes:
        raise ArchiveError(f"has a part that is longer than {max_bytes >> 20} MiB when it is unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise ArchiveError("is damaged: a part of it ends too early, or too late")
    return unpacked
