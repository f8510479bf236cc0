"""The table of all tiles that were offered, kept small, for their digest and for the metadata."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence

from .order import TileRecord, tiles_digest
from .tiles import PictureFormat

_ROW = struct.Struct(">I32s")


class TileTable:
    """About 40 bytes a tile: one run of packed rows for each column of tiles, sorted when the digest is asked for."""

    def __init__(self) -> None:
        self._columns: dict[tuple[int, int], bytearray] = {}
        self._formats: Counter[PictureFormat] = Counter()
        self.tiles = 0
        self.bytes = 0

    def add(self, records: Sequence[TileRecord]) -> None:
        """Add what is being offered."""
        for record in records:
            tile = record.id
            column = self._columns.get((tile.z, tile.x))
            if column is None:
                column = self._columns[tile.z, tile.x] = bytearray()
            column += _ROW.pack(tile.y, record.sha256)
            self.bytes += record.length_bytes
        self.tiles += len(records)
        self._formats.update(record.format for record in records)

    @property
    def zooms(self) -> list[int]:
        """The zooms there are, ascending."""
        return sorted({z for z, _x in self._columns})

    @property
    def format(self) -> str:
        """The format of most pictures: MBTiles' metadata knows only one."""
        return self._formats.most_common(1)[0][0] if self._formats else PictureFormat.JPEG

    @property
    def formats(self) -> dict[str, int]:
        """How many pictures have which format, the most frequent one first."""
        return {str(kind): number for kind, number in self._formats.most_common()}

    def digest(self) -> str:
        """Return the digest over all rows."""
        return tiles_digest(self._rows())

    def _rows(self) -> Iterator[tuple[int, int, int, bytes]]:
        for z, x in sorted(self._columns):
            for y, sha256 in sorted(_ROW.iter_unpack(self._columns[z, x])):
                yield z, x, y, sha256
