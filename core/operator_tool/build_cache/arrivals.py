"""What has come from a provider and is not durable yet; counted, and handed on, once it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

import msgspec

from operator_tool.api.order import TileRecord
from operator_tool.api.tiles import TileId
from operator_tool.failpoints import failpoint
from operator_tool.tile_store import TileStore
from operator_tool.tile_store.disk import check_reserve

from .tally import Looks, Tally

BATCH_TILES = 2000
BATCH_BYTES = 32 * 1024 * 1024
BATCH_AGE_S = 0.25


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A tile that may be used."""

    record: TileRecord
    unchanged: bool
    """True for a copy that was held and that the provider confirmed."""
    looks: Looks


class Arrivals:
    """The open batch of one provider's pass. Not for two threads at once."""

    def __init__(self, store: TileStore, tally: Tally, hand_on: Callable[[Sequence[TileRecord]], None]) -> None:
        self._store = store
        self._tally = tally
        self._hand_on = hand_on
        self._open: list[Arrival] = []
        self._open_bytes = 0
        self._opened_s = time.monotonic()

    def add(self, arrival: Arrival) -> None:
        """Add a tile that the store's open batch has."""
        self._open.append(arrival)
        self._open_bytes += 0 if arrival.unchanged else arrival.record.length_bytes

    def drop(self, ids: Collection[TileId]) -> None:
        """Take tiles back that are not durable yet."""
        self._open = [one for one in self._open if one.record.id not in ids]

    def clear(self) -> None:
        """Forget all of them: the store has lost its open batch."""
        self._open = []
        self._open_bytes = 0

    @property
    def due(self) -> bool:
        """True when it is time to commit."""
        pending = self._store.pending_tiles
        return (
            pending >= BATCH_TILES
            or self._open_bytes >= BATCH_BYTES
            or (pending > 0 and time.monotonic() - self._opened_s > BATCH_AGE_S)
        )

    def commit(self) -> None:
        """Make the open batch durable, and only then count it and hand it on. On an error it is lost as a whole."""
        arrived, self._open = self._open, []
        self._open_bytes = 0
        if self._store.pending_tiles:
            check_reserve(self._store.folder)
        failpoint("download.before_commit")
        self._store.commit()
        failpoint("download.after_commit")
        self._opened_s = time.monotonic()
        for one in arrived:
            self._tally.note_arrival(one.looks, unchanged=one.unchanged)
        if arrived:
            self._hand_on([one.record for one in arrived])
