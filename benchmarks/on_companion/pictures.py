"""Pictures of a size, made anew from their number whenever they are asked for: millions need no memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from operator_tool.api import PictureFormat, TileId, TileRecord, tiles_digest

PICTURE_BYTES = 15_000
BATCH_TILES = 512
_ZOOM = 18
_ROW = 1024
_NOISE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(PICTURE_BYTES // 32 + 2))


def picture(number: int) -> bytes:
    """Return a picture that begins as a JPEG does; no two are alike, and none can be packed."""
    head = b"\xff\xd8\xff" + hashlib.sha256(b"picture %d" % number).digest()
    return head + _NOISE[number % 32 : number % 32 + PICTURE_BYTES - len(head)]


class Stream:
    """So many tiles as a workstation has them before it sends: their records, their digest, their pictures.

    Every ``changed_every``-th shows another picture than without that. The pictures of a ``held`` stream are in memory;
    others are made when they are sent, which costs the sender time.
    """

    def __init__(self, tiles: int, *, changed_every: int = 0, held: bool = False) -> None:
        self.tiles = tiles
        self._changed_every = changed_every
        numbers = [range(start, min(start + BATCH_TILES, tiles)) for start in range(0, tiles, BATCH_TILES)]
        self._batches = [(part, [_record(number, self._picture(number)) for number in part]) for part in numbers]
        records = [record for _part, batch in self._batches for record in batch]
        self.bytes = sum(record.length_bytes for record in records)
        self.digest = tiles_digest(iter(sorted((r.id.z, r.id.x, r.id.y, r.sha256) for r in records)))
        self._held = [[self._picture(number) for number in part] for part in numbers] if held else None

    def __iter__(self) -> Iterator[tuple[Sequence[TileRecord], list[bytes]]]:
        for place, (part, records) in enumerate(self._batches):
            yield records, self._held[place] if self._held else [self._picture(number) for number in part]

    def _picture(self, number: int) -> bytes:
        return picture(number + (10**9 if self._changed_every and number % self._changed_every == 0 else 0))


def _record(place: int, data: bytes) -> TileRecord:
    tile = TileId(_ZOOM, 100_000 + place % _ROW, 80_000 + place // _ROW)
    return TileRecord(tile, hashlib.sha256(data).digest(), len(data), PictureFormat.JPEG)
