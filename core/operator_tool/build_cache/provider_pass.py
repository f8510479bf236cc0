"""One provider asked for the tiles of one run that it may have.

Held tiles go straight to whoever waits for batches; the others are asked for, checked, put into the store, and handed
on once their batch is durable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from operator_tool.api.build import GapCause
from operator_tool.api.errors import DownloadError, PluginError
from operator_tool.api.order import TileRecord
from operator_tool.api.roles import TileProvider
from operator_tool.api.tiles import (
    Absent,
    Corrupt,
    NotModified,
    Placeholder,
    ProviderInfo,
    Refused,
    Tile,
    TileId,
    TileResult,
    Unreachable,
    WantedTile,
)
from operator_tool.geo.coverage import TileRange
from operator_tool.pictures import Repeats
from operator_tool.sectors import Freshness
from operator_tool.tile_store import StoredTile, TileStore
from operator_tool.tile_store.disk import check_reserve

from .freshness import FreshnessGate
from .misses import Misses, pack, unpack
from .picture_gate import NotAPictureError, PictureGate
from .reach import Reach
from .tally import Tally

BATCH_TILES = 2000
BATCH_BYTES = 32 * 1024 * 1024
BATCH_AGE_S = 1.0
LOOK_UP_TILES = 4096
ABSENT_IS_SETTLED_S = 24 * 3600.0
"""How long a provider's word that a tile is absent is believed without asking again."""
SECOND_LOOKS = 50
"""So many tiles that came corrupt, or not at all, are asked for once more at the end: fewer are bad luck, more are the
provider's way."""

_CAUSES = {
    Absent: GapCause.ABSENT,
    Refused: GapCause.REFUSED,
    Unreachable: GapCause.UNREACHABLE,
    Corrupt: GapCause.CORRUPT,
    Placeholder: GapCause.PLACEHOLDER,
}


_MAY_PASS = frozenset({GapCause.CORRUPT, GapCause.UNREACHABLE})


class ProviderPass:
    """The pass of one provider; ``run`` once, then read its tally and its misses."""

    def __init__(
        self,
        name: str,
        provider: TileProvider,
        info: ProviderInfo,
        store: TileStore,
        *,
        reach: Reach,
        freshness: FreshnessGate,
        repeats: Repeats,
        hand_on: Callable[[Sequence[TileRecord]], None],
        stop: threading.Event,
    ) -> None:
        self.name = name
        self.info = info
        self.misses = Misses()
        self.tally = Tally()
        self._provider = provider
        self._store = store
        self._reach = reach
        self._freshness = freshness
        self._pictures = PictureGate(info, repeats)
        self._hand_on = hand_on
        self._stop = stop
        self._lock = threading.RLock()
        """Wanted tiles may be pulled by a thread of the provider's while the download's takes results."""
        self._outstanding: set[int] = set()
        self._stale: dict[int, StoredTile] = {}
        """Held tiles that the provider is being asked about."""
        self._second_looks: list[tuple[WantedTile, GapCause, str]] | None = []
        """Tiles to be asked for once more, and what they lacked; None once they were, or are too many."""
        self._held: list[TileRecord] = []
        self._open: list[TileRecord] = []
        self._open_reused = 0
        self._open_bytes = 0
        self._opened_s = time.monotonic()

    def run(self, ranges: Iterable[TileRange]) -> None:
        """Get what the provider has of these tiles. Raises ``DownloadError`` or ``PluginError``; what had arrived is
        committed in any case."""
        self._ask(_OneAtATime(self._wanted(ranges)))
        again, self._second_looks = self._second_looks, None
        if again:
            self._ask(_OneAtATime(wanted for wanted, _, _ in again))
        self._hand_on_held()
        for packed in sorted(self._outstanding):
            self._miss(unpack(packed), GapCause.UNREACHABLE, f"{self.name} gave no answer")

    def _ask(self, wanted: _OneAtATime) -> None:
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

    def _wanted(self, ranges: Iterable[TileRange]) -> Iterator[WantedTile]:
        for tiles in _in_pieces(ranges):
            if self._stop.is_set():
                return
            problem = self._reach.problem(tiles)
            if problem is not None:
                with self._lock:
                    self.misses.add_range(tiles, *problem)
                continue
            held = self._store.held(tiles.z, tiles.y, tiles.x0, tiles.x1)
            yield from self._take_held(held)
            if len(held) < tiles.count:
                yield from self._not_held(tiles, {tile.record.id.x for tile in held})
        self._hand_on_held()

    def _take_held(self, held: Sequence[StoredTile]) -> Iterator[WantedTile]:
        """Use the tiles that are held, and yield those that the provider must be asked about."""
        asks = not self._freshness.is_open
        for tile in held:
            if asks and self._freshness.must_ask(tile):
                packed = pack(tile.record.id)
                self._stale[packed] = tile
                self._outstanding.add(packed)
                yield WantedTile(tile.record.id, tile.etag)
            elif self._passes(tile.record.id, tile.imagery_date):
                with self._lock:
                    self.tally.reused += 1
                self._held.append(tile.record)
        if len(self._held) >= BATCH_TILES:
            self._hand_on_held()

    def _not_held(self, tiles: TileRange, have: set[int]) -> Iterator[WantedTile]:
        absent = set(self._store.absent(tiles.z, tiles.y, tiles.x0, tiles.x1, within_s=ABSENT_IS_SETTLED_S))
        for x in range(tiles.x0, tiles.x1 + 1):
            if x in have:
                continue
            tile_id = TileId(tiles.z, x, tiles.y)
            if x in absent:
                self._miss(tile_id, GapCause.ABSENT, f"{self.name} said so before")
                continue
            self._outstanding.add(pack(tile_id))
            yield WantedTile(tile_id)

    def _take(self, result: TileResult) -> None:
        try:
            packed = pack(result.id)
            self._outstanding.remove(packed)
        except (KeyError, AttributeError, OverflowError, TypeError):
            raise PluginError(f"tile provider {self.name!r} gave {_brief(result)}, which was not asked for") from None
        stale = self._stale.pop(packed, None)
        if isinstance(result, Tile):
            self._take_tile(result, stale)
        elif isinstance(result, NotModified):
            self._take_not_modified(result, stale)
        else:
            cause = _CAUSES[type(result)]
            if isinstance(result, Absent):
                self._store.put_absent(result.id)
            self._not_got(result.id, cause, result.reason or f"{self.name} has no such tile", stale)
        if (
            self._store.pending_tiles >= BATCH_TILES
            or self._open_bytes >= BATCH_BYTES
            or (self._store.pending_tiles and time.monotonic() - self._opened_s > BATCH_AGE_S)
        ):
            self._commit()

    def _take_tile(self, tile: Tile, stale: StoredTile | None) -> None:
        try:
            picture_format = self._pictures.check(tile)
        except NotAPictureError as error:
            self._not_got(tile.id, error.cause, f"{self.name} gave {error.reason}", stale)
            return
        record = self._store.put(tile, picture_format)
        self._open_bytes += record.length_bytes
        self.tally.downloaded += 1
        self.tally.downloaded_bytes += record.length_bytes
        repeated = self._pictures.repeated(record)
        if repeated:
            self._take_back(repeated)
        elif self._passes(tile.id, tile.imagery_date):
            self._open.append(record)

    def _take_not_modified(self, result: NotModified, stale: StoredTile | None) -> None:
        if stale is None:
            raise PluginError(f"tile provider {self.name!r} says that {result.id} is not modified, but none is held")
        self._store.put_not_modified(result.id)
        if self._passes(result.id, stale.imagery_date):
            with self._lock:
                self.tally.reused += 1
                self.tally.unchanged += 1
            self._open.append(stale.record)

    def _take_back(self, repeated: Sequence[TileId]) -> None:
        """Make placeholders of tiles that came with the same bytes; some may be durable, and handed on."""
        reason = f"{self.name} gave the same picture for many distant tiles"
        committed = [tile_id for tile_id in repeated if not self._store.drop(tile_id)]
        gone = set(repeated)
        self._open = [record for record in self._open if record.id not in gone]
        if committed:
            self._store.forget_tiles(committed)
            self.tally.taken_back += len(committed)
        for tile_id in repeated:
            self.tally.downloaded -= 1
            self._miss(tile_id, GapCause.PLACEHOLDER, reason)

    def _not_got(self, tile_id: TileId, cause: GapCause, reason: str, stale: StoredTile | None) -> None:
        if stale is not None:
            reason = f"{reason}; {self._freshness.age_text(stale)}"
        if cause in _MAY_PASS and self._look_again(WantedTile(tile_id, stale.etag if stale else None), cause, reason):
            if stale is not None:
                self._stale[pack(tile_id)] = stale
            return
        self._miss(tile_id, cause, reason)
        if cause is GapCause.CORRUPT:
            self.tally.corrupt += 1
            if self.tally.corrupt == SECOND_LOOKS + 1 and not self.tally.downloaded:
                raise DownloadError(
                    f"none of the first {self.tally.corrupt} answers is a right picture: {reason}",
                    hint="Check the provider's settings, such as its url and tile_size.",
                    retryable=False,
                )

    def _look_again(self, wanted: WantedTile, cause: GapCause, reason: str) -> bool:
        """Note a tile to be asked for once more; False when it was, or when too many are."""
        if self._second_looks is None:
            return False
        if len(self._second_looks) < SECOND_LOOKS:
            self._second_looks.append((wanted, cause, reason))
            self._outstanding.add(pack(wanted.id))
            return True
        too_many, self._second_looks = self._second_looks, None
        for one, its_cause, its_reason in too_many:
            packed = pack(one.id)
            self._outstanding.discard(packed)
            self._not_got(one.id, its_cause, its_reason, None)
            self._stale.pop(packed, None)
        return False

    def _passes(self, tile_id: TileId, imagery_date: str | None) -> bool:
        """Say whether imagery of this date may be used here; what may not is a miss."""
        fresh = self._freshness.judge(tile_id, imagery_date)
        if fresh is Freshness.TOO_OLD:
            self._miss(tile_id, GapCause.TOO_OLD, f"{self.name} has imagery of {imagery_date}, too old for its sector")
            return False
        with self._lock:
            self.tally.note_imagery(imagery_date, downgraded=fresh is Freshness.DOWNGRADED)
        return True

    def _commit(self) -> None:
        """Make the open batch durable, and only then hand it on."""
        if self._store.pending_tiles:
            check_reserve(self._store.folder)
        self._store.commit()
        batch, self._open = self._open, []
        self._open_bytes = 0
        self._opened_s = time.monotonic()
        if batch:
            self._hand_on(batch)

    def _hand_on_held(self) -> None:
        """Hand on tiles that were durable before this run."""
        batch, self._held = self._held, []
        if batch:
            self._hand_on(batch)

    def _miss(self, tile_id: TileId, cause: GapCause, reason: str) -> None:
        with self._lock:
            self.misses.add(tile_id, cause, reason)


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


def _in_pieces(ranges: Iterable[TileRange]) -> Iterator[TileRange]:
    for tiles in ranges:
        for x0 in range(tiles.x0, tiles.x1 + 1, LOOK_UP_TILES):
            yield TileRange(tiles.z, tiles.y, x0, min(x0 + LOOK_UP_TILES - 1, tiles.x1))


def _brief(result: object) -> str:
    return f"{type(result).__name__} {getattr(result, 'id', '')}"
