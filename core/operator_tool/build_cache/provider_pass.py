"""One provider asked for the tiles of one run that it may have.

Held tiles go straight to whoever waits for batches; the others are asked for, checked, put into the store, and handed
on once their batch is durable.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from operator_tool.api.errors import DownloadError, PluginError
from operator_tool.api.order import TileRecord
from operator_tool.api.roles import TileProvider
from operator_tool.api.tiles import (
    Absent,
    Failed,
    NotModified,
    ProviderInfo,
    Refused,
    Tile,
    TileId,
    TileResult,
    WantedTile,
    sniff_picture_format,
)
from operator_tool.geo.coverage import TileRange
from operator_tool.geo.mercator import tile_bounds_deg
from operator_tool.tile_store import TileStore

BATCH_TILES = 2000
BATCH_BYTES = 32 * 1024 * 1024
BATCH_AGE_S = 1.0
LOOK_UP_TILES = 4096
TILE_CAP_BYTES = 4 * 1024 * 1024
ABSENT_IS_SETTLED_S = 24 * 3600.0
"""How long a provider's word that a tile is absent is believed without asking again."""


class Miss(msgspec.Struct, frozen=True):
    """Why one tile is missing, by the provider that was asked last."""

    id: TileId
    cause: str
    reason: str


class ProviderPass:
    """The pass of one provider; ``run`` once, then read its counts."""

    MISSES_KEPT = 1000

    def __init__(
        self,
        name: str,
        provider: TileProvider,
        info: ProviderInfo,
        store: TileStore,
        *,
        hand_on: Callable[[Sequence[TileRecord]], None],
        stop: threading.Event,
    ) -> None:
        self.name = name
        self.info = info
        self.reused = 0
        self.downloaded = 0
        self.downloaded_bytes = 0
        self.absent = 0
        self.missing = array("Q")
        """Every tile that this provider did not give, packed by :func:`pack`."""
        self.misses: list[Miss] = []
        """Why, for the first of them."""
        self.imagery_dates: tuple[str, str] | None = None
        self._provider = provider
        self._store = store
        self._hand_on = hand_on
        self._stop = stop
        self._outstanding: set[int] = set()
        self._lock = threading.Lock()
        self._held: list[TileRecord] = []
        self._open: list[TileRecord] = []
        self._open_bytes = 0
        self._open_absent = 0
        self._opened_s = time.monotonic()

    def run(self, ranges: Iterable[TileRange]) -> None:
        """Get what the provider has of these tiles. Raises ``DownloadError`` or ``PluginError``; what had arrived is
        committed in any case."""
        wanted = _OneAtATime(self._wanted(ranges))
        results = self._provider.fetch(wanted)
        if not isinstance(results, Iterable):
            raise PluginError(f"tile provider {self.name!r} gave {results!r}, not an iterator of results")
        try:
            for result in results:
                if self._stop.is_set():
                    break
                self._take(result)
        except SystemExit as error:
            raise PluginError(f"tile provider {self.name!r} tried to end the tool with exit({error.code!r})") from error
        finally:
            close = getattr(results, "close", None)
            if close is not None:
                close()
            self._commit()
        if self._stop.is_set():
            raise DownloadError("the download was given up")
        for _never_pulled in wanted:
            continue  # each is outstanding now: a provider that stops early has answered nothing for the rest
        self._hand_on_held()
        for packed in sorted(self._outstanding):
            self._miss(unpack(packed), "failed", f"{self.name} gave no answer")

    def _wanted(self, ranges: Iterable[TileRange]) -> Iterator[WantedTile]:
        for tiles in _in_pieces(ranges):
            if self._stop.is_set():
                return
            if not self._may_have(tiles):
                for x in range(tiles.x0, tiles.x1 + 1):
                    self._miss(TileId(tiles.z, x, tiles.y), "absent", f"{self.name} does not cover it")
                continue
            held = self._store.held(tiles.z, tiles.y, tiles.x0, tiles.x1)
            if held:
                self.reused += len(held)
                for tile in held:
                    if tile.imagery_date is not None:
                        self._note_date(tile.imagery_date)
                self._held.extend(tile.record for tile in held)
                if len(self._held) >= BATCH_TILES:
                    self._hand_on_held()
            if len(held) == tiles.x1 - tiles.x0 + 1:
                continue
            have = {tile.record.id.x for tile in held}
            absent = set(self._store.absent(tiles.z, tiles.y, tiles.x0, tiles.x1, within_s=ABSENT_IS_SETTLED_S))
            for x in range(tiles.x0, tiles.x1 + 1):
                if x in have:
                    continue
                tile_id = TileId(tiles.z, x, tiles.y)
                if x in absent:
                    self._miss(tile_id, "absent", f"{self.name} said so before")
                    continue
                self._outstanding.add(pack(tile_id))
                yield WantedTile(tile_id)
        self._hand_on_held()

    def _may_have(self, tiles: TileRange) -> bool:
        if not self.info.min_zoom <= tiles.z <= self.info.max_zoom:
            return False
        if self.info.bounds_deg is None:
            return True
        west, south, east, north = self.info.bounds_deg
        tile_west, tile_south, _, tile_north = tile_bounds_deg(TileId(tiles.z, tiles.x0, tiles.y))
        tile_east = tile_bounds_deg(TileId(tiles.z, tiles.x1, tiles.y))[2]
        if tile_south >= north or tile_north <= south:
            return False
        if west <= east:
            return tile_west < east and tile_east > west
        return tile_west < east or tile_east > west

    def _take(self, result: TileResult) -> None:
        try:
            self._outstanding.remove(pack(result.id))
        except (KeyError, AttributeError, OverflowError, TypeError):
            raise PluginError(f"tile provider {self.name!r} gave {_brief(result)}, which was not asked for") from None
        if isinstance(result, Tile):
            self._take_tile(result)
        elif isinstance(result, Absent):
            self._store.put_absent(result.id)
            self._open_absent += 1
            self._miss(result.id, "absent", result.reason or f"{self.name} has no such tile")
        elif isinstance(result, Refused):
            self._miss(result.id, "refused", result.reason)
        elif isinstance(result, Failed):
            self._miss(result.id, "failed", result.reason)
        else:
            assert isinstance(result, NotModified)
            raise PluginError(f"tile provider {self.name!r} says that {result.id} is not modified, but none is held")
        said = len(self._open) + self._open_absent
        if (
            said >= BATCH_TILES
            or self._open_bytes >= BATCH_BYTES
            or (said and time.monotonic() - self._opened_s > BATCH_AGE_S)
        ):
            self._commit()

    def _take_tile(self, tile: Tile) -> None:
        size_bytes = len(tile.data)
        picture_format = sniff_picture_format(tile.data)
        if picture_format is None:
            self._miss(tile.id, "failed", f"{self.name} gave {size_bytes} bytes that are not a picture")
            return
        if size_bytes > TILE_CAP_BYTES:
            self._miss(tile.id, "failed", f"{self.name} gave {size_bytes} bytes, more than {TILE_CAP_BYTES}")
            return
        self._open.append(self._store.put(tile, picture_format))
        self._open_bytes += size_bytes
        if tile.imagery_date is not None:
            self._note_date(tile.imagery_date)

    def _commit(self) -> None:
        """Make the open batch durable, and only then hand it on."""
        self._store.commit()
        batch, self._open = self._open, []
        self.downloaded += len(batch)
        self.downloaded_bytes += self._open_bytes
        self._open_bytes = self._open_absent = 0
        self._opened_s = time.monotonic()
        if batch:
            self._hand_on(batch)

    def _hand_on_held(self) -> None:
        """Hand on tiles that were durable before this run."""
        batch, self._held = self._held, []
        if batch:
            self._hand_on(batch)

    def _miss(self, tile_id: TileId, cause: str, reason: str) -> None:
        with self._lock:
            self.missing.append(pack(tile_id))
            if cause == "absent":
                self.absent += 1
            if len(self.misses) < self.MISSES_KEPT:
                self.misses.append(Miss(tile_id, cause, reason))

    def _note_date(self, date: str) -> None:
        oldest, newest = self.imagery_dates or (date, date)
        self.imagery_dates = (min(oldest, date), max(newest, date))


class _OneAtATime:
    """An iterator that a provider may pull from threads of its own."""

    def __init__(self, wanted: Iterator[WantedTile]) -> None:
        self._wanted = wanted
        self._lock = threading.Lock()

    def __iter__(self) -> _OneAtATime:
        return self

    def __next__(self) -> WantedTile:
        with self._lock:
            return next(self._wanted)


def pack(tile_id: TileId) -> int:
    """Return a tile's name as one integer that sorts by zoom, row, column."""
    return tile_id.z << 58 | tile_id.y << 29 | tile_id.x


def unpack(packed: int) -> TileId:
    """Return the tile's name that :func:`pack` made into one integer."""
    return TileId(packed >> 58, packed & 0x1FFFFFFF, packed >> 29 & 0x1FFFFFFF)


def ranges_of(packed: Iterable[int]) -> Iterator[TileRange]:
    """Yield the ranges that hold just these tiles."""
    first = last = -1
    for one in sorted(packed):
        if one != last + 1 and last >= 0:
            yield _range(first, last)
        if one != last + 1 or last < 0:
            first = one
        last = one
    if last >= 0:
        yield _range(first, last)


def _range(first: int, last: int) -> TileRange:
    tile_id = unpack(first)
    return TileRange(tile_id.z, tile_id.y, tile_id.x, unpack(last).x)


def _in_pieces(ranges: Iterable[TileRange]) -> Iterator[TileRange]:
    for tiles in ranges:
        for x0 in range(tiles.x0, tiles.x1 + 1, LOOK_UP_TILES):
            yield TileRange(tiles.z, tiles.y, x0, min(x0 + LOOK_UP_TILES - 1, tiles.x1))


def _brief(result: object) -> str:
    return f"{type(result).__name__} {getattr(result, 'id', '')}"
