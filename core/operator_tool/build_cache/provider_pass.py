"""One provider asked for the tiles of one run that it may have.

Held tiles go straight to whoever waits for batches; the others are asked for, checked, put into the store, and handed
on once their batch is durable.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from operator_tool.api.build import GapCause
from operator_tool.api.errors import DownloadError, PluginError, TilesRefusedError
from operator_tool.api.order import TileRecord
from operator_tool.api.roles import TileProvider
from operator_tool.api.tiles import (
    Absent,
    NotModified,
    ProviderInfo,
    Tile,
    TileId,
    TileResult,
    WantedTile,
)
from operator_tool.geo.coverage import TileRange
from operator_tool.pictures import Repeats
from operator_tool.plugin_host.blame import brief, ending_error, hint_about, owner_of, words_of
from operator_tool.plugin_host.endings import ENDINGS
from operator_tool.sectors import Freshness
from operator_tool.tile_store import StoredTile, TileStore

from .arrivals import BATCH_AGE_S, BATCH_TILES, Arrival, Arrivals
from .freshness import ABSENT_IS_SETTLED_S, FreshnessGate
from .gap_hints import WrongSize, gaps_hint
from .lacked import too_old
from .misses import CAUSES, Misses, pack, unpack
from .picture_gate import NotAPictureError, PictureGate
from .reach import Reach
from .tally import Looks, Tally

_log = logging.getLogger(__name__)

LOOK_UP_TILES = 4096
SECOND_LOOKS = 50
"""So many tiles that came corrupt, or not at all, are asked for once more at the end: fewer are bad luck, more are the
provider's way."""

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
        self._owner = owner_of(provider, f"tile provider {name!r}")
        self._hint = hint_about(provider)
        self.info = info
        self.misses = Misses()
        self.wrong_size: WrongSize | None = None
        """The size of a picture that had another one than the provider says."""
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
        self._arrivals = Arrivals(store, self.tally, hand_on)
        self._taking = threading.RLock()
        """Held by whoever changes what has arrived: the download's thread, or the clock that commits while it waits."""
        self._commit_error: BaseException | None = None
        self._found_out: deque[tuple[bytes, tuple[TileId, ...]]] = deque()
        """Placeholders among the held tiles, to be taken back by the download's thread."""
        self._got_any = False
        self._began_at = datetime.now(UTC)

    def run(self, ranges: Iterable[TileRange]) -> None:
        """Get what the provider has of these tiles, and commit it. Raises ``DownloadError`` or ``PluginError``."""
        self._ask_unless_refused(_OneAtATime(self._wanted(ranges)))
        again, self._second_looks = self._second_looks, None
        if again:
            self._ask_unless_refused(_OneAtATime(wanted for wanted, _, _ in again))
        self._hand_on_held()
        for packed in sorted(self._outstanding):
            self._miss(unpack(packed), GapCause.UNREACHABLE, f"{self.name} gave no answer")

    def _ask_unless_refused(self, wanted: _OneAtATime) -> None:
        """Ask, and note as missing what is refused by a provider that gave the tiles that are held."""
        try:
            self._ask(wanted)
        except TilesRefusedError as refused:
            if not self.tally.reused:
                raise
            for packed in sorted(self._outstanding - {pack(tile.id) for tile, _, _ in self._second_looks or ()}):
                self._outstanding.discard(packed)
                self._not_got(unpack(packed), GapCause.REFUSED, refused.message, self._stale.pop(packed, None))

    def _ask(self, wanted: _OneAtATime) -> None:
        results: object = None
        try:
            results = self._provider.fetch(wanted)
            if not isinstance(results, Iterable):
                raise self._wrong(results, "not an iterator of results")
            with self._clock():
                for result in results:
                    if self._stop.is_set():
                        break
                    with self._taking:
                        self._take(result)
        except ENDINGS as error:  # in this thread no Ctrl-C of the operator's comes up
            raise ending_error(error, self._owner) from error
        finally:
            self._close(results)
            with self._taking:
                self._arrivals.commit()
        if self._stop.is_set():
            raise DownloadError("the download was given up")
        for _never_pulled in wanted:
            continue  # each is outstanding now: a provider that stops early has answered nothing for the rest
        self._take_back_found()

    def _close(self, results: object) -> None:
        """Tell the provider that no more is wanted; that it can't stop in order changes nothing about what came."""
        try:
            close = getattr(results, "close", None)
            if close is not None:
                close()
        except (Exception, *ENDINGS) as error:  # noqa: BLE001 - the results are taken, or there is an error already
            _log.warning("%s failed to stop: %s", self._owner, words_of(error))

    @contextmanager
    def _clock(self) -> Iterator[None]:
        """Commit by the clock while the provider lets wait: what has arrived is durable within a second or two."""
        over = threading.Event()

        def tick() -> None:
            while not over.wait(BATCH_AGE_S / 2):
                with self._taking:
                    if over.is_set() or not self._arrivals.due:
                        continue
                    try:
                        self._arrivals.commit()
                    except BaseException as error:  # noqa: BLE001 - it is raised where results are taken
                        self._commit_error = error
                        return

        clock = threading.Thread(target=tick, name="commit-clock", daemon=True)
        clock.start()
        try:
            yield
        finally:
            over.set()
            clock.join()
            if self._commit_error is not None:
                raise self._commit_error

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
            else:
                self._use_held(tile)
        if len(self._held) >= BATCH_TILES:
            self._hand_on_held()

    def _use_held(self, tile: StoredTile) -> None:
        fresh = self._judged(tile.record.id, tile.imagery_date)
        if fresh is None:
            return
        with self._lock:
            found = self._pictures.repeated(tile.record)
        if found:
            self._found_out.append((tile.record.sha256, found))
            return
        self.tally.note_held(self._looks(tile.record, tile.imagery_date, fresh))
        self._held.append(tile.record)

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
        if self._commit_error is not None:
            raise self._commit_error
        self._take_back_found()
        try:
            packed = pack(result.id)
            self._outstanding.remove(packed)
        except (KeyError, AttributeError, OverflowError, TypeError):
            known = isinstance(result, (Tile, NotModified, *CAUSES))
            raise self._wrong(result, "which was not asked for" if known else "not a TileResult") from None
        stale = self._stale.pop(packed, None)
        if isinstance(result, Tile):
            self._take_tile(result, stale)
        elif isinstance(result, NotModified):
            self._take_not_modified(result, stale)
        elif (cause := CAUSES.get(type(result))) is not None:
            if isinstance(result, Absent):
                self._store.put_absent(result.id)
            self._not_got(result.id, cause, result.reason or f"{self.name} has no such tile", stale)
        else:
            raise self._wrong(result, "not a TileResult")
        if self._arrivals.due:
            self._arrivals.commit()

    def _wrong(self, result: object, how: str) -> PluginError:
        """Return the error that names the provider's plugin."""
        tile = getattr(result, "id", None)
        at = f" for {tile}" if isinstance(tile, TileId) else ""
        return PluginError(f"{self._owner} gave {brief(result)}{at}, {how}", hint=self._hint)

    def _take_tile(self, tile: Tile, stale: StoredTile | None) -> None:
        if not isinstance(tile.data, bytes):
            raise self._wrong(tile, "whose data are no bytes")
        try:
            picture_format = self._pictures.check(tile)
        except NotAPictureError as error:
            if error.size_px is not None:
                self.wrong_size = WrongSize(self.name, error.size_px)
            self._not_got(tile.id, error.cause, f"{self.name} gave {error.reason}", stale)
            return
        self._got_any = True
        try:
            record = self._store.put(tile, picture_format)
        except DownloadError:
            self._arrivals.clear()
            raise
        self.tally.downloaded_bytes += record.length_bytes
        self._use(record, tile.imagery_date, unchanged=False)

    def _take_not_modified(self, result: NotModified, stale: StoredTile | None) -> None:
        if stale is None:
            raise PluginError(f"{self._owner} says that {result.id} is not modified, but none is held")
        self._got_any = True
        self._store.put_not_modified(result.id)
        self._use(stale.record, stale.imagery_date, unchanged=True)

    def _use(self, record: TileRecord, imagery_date: str | None, *, unchanged: bool) -> None:
        """Use a tile that the store's open batch has, unless it is a placeholder or too old."""
        with self._lock:
            found = self._pictures.repeated(record)
        if found:
            self._take_back(record.sha256, found)
            return
        fresh = self._judged(record.id, imagery_date)
        if fresh is not None:
            self._arrivals.add(Arrival(record, unchanged, self._looks(record, imagery_date, fresh)))

    def _take_back_found(self) -> None:
        while self._found_out:
            self._take_back(*self._found_out.popleft())

    def _take_back(self, sha256: bytes, found: Sequence[TileId]) -> None:
        """Make placeholders of tiles that came with the same bytes; some may be durable, and handed on."""
        missed = self.misses.ids_among(found) if len(found) > 1 else frozenset()
        committed = [tile_id for tile_id in found if not self._store.drop(tile_id)]
        self._arrivals.drop(set(found))
        if committed and len(found) > 1:
            held = [one for t in committed if t not in missed for one in self._store.held(t.z, t.y, t.x, t.x)]
            downloaded = sum(one.fetched_at >= self._began_at for one in held)
            self.tally.take_back(downloaded=downloaded, reused=len(held) - downloaded)
        self._store.forget_content(sha256)
        for tile_id in found:
            if tile_id not in missed:
                reason = f"{self.name} gave the same picture for many distant tiles"
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
            if self.tally.corrupt == SECOND_LOOKS + 1 and not self._got_any:
                raise DownloadError(
                    f"none of the first {self.tally.corrupt} answers is a right picture: {reason}",
                    hint=gaps_hint({cause}, missing=1, wanted=1, wrong_size=self.wrong_size),
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

    def _judged(self, tile_id: TileId, imagery_date: str | None) -> Freshness | None:
        """Return how fresh imagery of this date is here; None for what may not be used, which is a miss."""
        fresh = self._freshness.judge(tile_id, imagery_date)
        if fresh is Freshness.TOO_OLD:
            self._miss(tile_id, *too_old(self.name, imagery_date))
            return None
        return fresh

    def _looks(self, record: TileRecord, imagery_date: str | None, fresh: Freshness) -> Looks:
        return Looks(
            record.format,
            self._freshness.dated(imagery_date) if imagery_date is not None else None,
            fresh is Freshness.DOWNGRADED,
            self._freshness.unjudged(record.id, fresh),
        )

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
