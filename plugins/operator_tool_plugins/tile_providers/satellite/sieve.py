"""Between the core and the engine: what the inventory settles goes straight back, the rest is let through."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

import msgspec

from operator_tool.api import Absent, DownloadError, NotModified, RunContext, Tile, TileId, TileResult, WantedTile

from .inventory import Inventory


class Sieve:
    """One stream of wanted tiles, looked up batch by batch; never more in memory than a batch."""

    def __init__(self, wanted: Iterator[WantedTile], inventory: Inventory, context: RunContext) -> None:
        self._wanted = wanted
        self._inventory = inventory
        self._context = context
        self._settled: deque[TileResult] = deque()
        self._dates: dict[TileId, str] = {}
        """Of the tiles that are being asked for, where the inventory says when they were taken."""
        self.exhausted = False
        """True once no wanted tile is left."""

    def let_through(self) -> Iterator[WantedTile]:
        """Yield the tiles that the service has, while they are pulled; ask about more when none is left.

        Ends when nothing is wanted any more, when the run is given up, and when results wait to be taken: a batch is
        asked about only once all that the one before settled was taken, so that many batches of absent tiles neither
        pile up nor get lost when a later one fails.
        """
        while not self._settled:
            batch = list(islice(self._wanted, self._inventory.most_tiles))
            if not batch:
                self.exhausted = True
                return
            try:
                through = self._look_up(batch)
            except DownloadError:
                if self._context.cancelled.is_set():
                    return
                raise
            for tile, date in through:
                if date is not None:
                    self._dates[tile.id] = date
                yield tile

    def take_settled(self) -> Iterator[TileResult]:
        """Yield, once, what needed no asking for the tile itself."""
        while self._settled:
            yield self._settled.popleft()

    def dated(self, result: TileResult) -> TileResult:
        """Return the result for a tile that was let through, with the date of its imagery where that is known."""
        date = self._dates.pop(result.id, None)
        return msgspec.structs.replace(result, imagery_date=date) if date and isinstance(result, Tile) else result

    def _look_up(self, batch: list[WantedTile]) -> list[tuple[WantedTile, str | None]]:
        through = []
        for tile, holding in zip(batch, self._inventory.look_up(batch), strict=True):
            if not holding.present:
                self._settled.append(Absent(tile.id, "not in the inventory"))
            elif tile.etag is not None and holding.etag == tile.etag:
                self._settled.append(NotModified(tile.id))
            else:
                through.append((tile, holding.imagery_date))
        return through
