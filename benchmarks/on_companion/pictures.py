"""Pictures of a size, made anew from their number whenever they are asked for: millions need no memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from operator_tool.api import PictureFormat, TileId, TileRecord

PICTURE_BYTES = 15_000
BATCH_TILES = 512
_ZOOM = 18
_ROW = 1024
_NOISE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(PICTURE_BYTES // 32 + 2))


def picture(number: int) -> bytes:
    """Return a picture that begins as a JPEG does; no two are alike, and none can be packed."""
    head = b"\xff\xd8\xff" + hashlib.sha256(b"picture %d" % number).digest()
    return head + _NOISE[number % 32 : number % 32 + PICTURE_BYTES - len(head)]


def batches(tiles: int, changed_every: int = 0) -> Iterator[tuple[Sequence[TileRecord], list[bytes]]]:
    """Yield the tiles, batch by batch; every ``changed_every``-th shows another picture than without that."""
    for start in range(0, tiles, BATCH_TILES):
        numbers = range(start, min(start + BATCH_TILES, tiles))
        pictures = [picture(n + (10**9 if changed_every and n % changed_every == 0 else 0)) for n in numbers]
        yield [_record(number, data) for number, data in zip(numbers, pictures, strict=True)], pictures


def _record(place: int, data: bytes) -> TileRecord:
    tile = TileId(_ZOOM, 100_000 + place % _ROW, 80_000 + place // _ROW)
    return TileRecord(tile, hashlib.sha256(data).digest(), len(data), PictureFormat.JPEG)
