"""The ledger of one download: every tile that became durable, in order, for any number of readers.

A reader may begin again at the first tile, as after a link that broke, and several may read at once, each at its own
pace: a tile takes some 50 bytes here, its picture lies in the store.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from operator_tool.api.order import TileRecord
from operator_tool.api.tiles import PictureFormat, TileId

NOTHING_YET_S = 1.0
"""A reader hears so often that nothing is ready."""
_TICK_S = 0.1
_ENTRY = struct.Struct(">BII32sIB")
_FORMATS = tuple(PictureFormat)
_CODES = {picture_format: code for code, picture_format in enumerate(_FORMATS)}


class Ledger:
    """Written by the download's thread, read from any."""

    def __init__(self) -> None:
        self._batches: list[bytes] = []
        self._ended = False
        self._news = threading.Condition()

    def add(self, records: Sequence[TileRecord]) -> None:
        """Note tiles that became durable."""
        packed = b"".join(
            _ENTRY.pack(r.id.z, r.id.x, r.id.y, r.sha256, r.length_bytes, _CODES[r.format]) for r in records
        )
        with self._news:
            self._batches.append(packed)
            self._news.notify_all()

    def end(self) -> None:
        """Say that no tile will follow; again is harmless."""
        with self._news:
            self._ended = True
            self._news.notify_all()

    def batches(self, check: Callable[[], None]) -> Iterator[Sequence[TileRecord]]:
        """Yield all tiles from the first, then those that become ready; an empty batch when none did for a second.

        ``check`` is called whenever there is nothing to yield, and raises what ends the waiting.
        """
        place = 0
        said_s = time.monotonic()
        while True:
            with self._news:
                if place == len(self._batches) and not self._ended:
                    self._news.wait(_TICK_S)
                packed = self._batches[place] if place < len(self._batches) else None
                ended = self._ended
            if packed is not None:
                place += 1
                yield [_record(*entry) for entry in _ENTRY.iter_unpack(packed)]
                said_s = time.monotonic()
            elif ended:
                return
            else:
                check()
                if time.monotonic() - said_s >= NOTHING_YET_S:
                    yield ()
                    said_s = time.monotonic()


def _record(z: int, x: int, y: int, sha256: bytes, length_bytes: int, code: int) -> TileRecord:
    return TileRecord(TileId(z, x, y), sha256, length_bytes, _FORMATS[code])
