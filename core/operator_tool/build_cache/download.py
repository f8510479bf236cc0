"""The download of one run: in a thread of its own it fills the stores; whoever pulls the batches gets durable tiles.

It is the ``TileSupply`` of the provisioners, so that tiles are sent while others are still being fetched.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from operator_tool.api.build import ProviderShare, TileCounts
from operator_tool.api.context import RunContext
from operator_tool.api.errors import DownloadError
from operator_tool.api.events import PhaseFinished, PhaseProgress, PhaseStarted
from operator_tool.api.order import CacheGaps, TileRecord
from operator_tool.api.roles import TileProvider
from operator_tool.failpoints import failpoint
from operator_tool.geo.coverage import TileRange
from operator_tool.pictures import Repeats
from operator_tool.tile_store import TileStore
from operator_tool.tile_store.disk import check_room

from .freshness import FreshnessGate
from .ledger import Ledger
from .misses import ranges_of
from .outcome import cache_gaps, gaps_error, provider_share, tile_counts
from .plan import CachePlan, sized_dataset
from .provider_pass import ProviderPass
from .reach import Reach
from .room import bytes_to_come

PROGRESS_EVERY_S = 0.1
CLOSE_S = 5.0


class TakenBackError(DownloadError):
    """Tiles that were handed on already turned out to be placeholders; who asks again gets the tiles without them."""


class Download:
    """One run's download. ``start`` it, pull :meth:`batches` to their end, ``close`` it in any case."""

    def __init__(
        self,
        plan: CachePlan,
        providers: Sequence[tuple[str, TileProvider]],
        stores_dir: Path,
        context: RunContext,
        freshness: FreshnessGate,
        repeats: Mapping[str, Repeats],
    ) -> None:
        self._plan = plan
        self._freshness = freshness
        self._repeats = repeats
        self._providers = dict(providers)
        self._stores_dir = stores_dir
        self._context = context
        self._passes: list[ProviderPass] = []
        self._stores: list[TileStore] = []
        self._ledger = Ledger()
        self._stop = threading.Event()
        self.error: BaseException | None = None
        """What the download failed with; whoever pulls the batches gets it."""
        self._thread = threading.Thread(target=self._work, name="download", daemon=True)
        self._handed_on = 0
        self._told_s = 0.0
        self.duration_s = 0.0

    def start(self) -> None:
        """Begin to download, whether or not anybody pulls the batches."""
        self._thread.start()

    def batches(self) -> Iterator[Sequence[TileRecord]]:
        """Yield every tile of the cache once, durable, in batches; an empty one when none became ready for a second.

        Any number of readers, from any thread; each begins with the first tile. Raises what the download failed with.
        """
        yield from self._ledger.batches(self._check)
        if self.error is not None:
            raise self.error
        if self._stop.is_set():
            self._check()

    def _check(self) -> None:
        if self._context.deadline.passed:
            raise DownloadError("the run's deadline passed while tiles were downloaded")
        if self._stop.is_set():
            raise DownloadError("the download was given up")

    def read(self, record: TileRecord) -> bytes:
        """Return one picture of a batch, verified. Raises ``DamagedTileError`` when the store's copy has rotted."""
        first, *others = self._stores
        store = next((one for one in others if one.has(record)), first) if others else first
        return store.read(record)

    def close(self) -> None:
        """Stop, keep what had arrived, and free the stores; a provider that does not stop in time is left behind."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            for store in self._stores:
                store.close()

    def ended_within(self, seconds: float) -> bool:
        """Tell whether the download has come to its end, waiting so long for it."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def gaps(self) -> CacheGaps:
        """Return what the cache will lack; known once the batches have come to their end."""
        return cache_gaps(self._plan, self._passes)

    @property
    def downloaded_bytes(self) -> int:
        """Bytes of pictures that came from the providers."""
        return sum(one.tally.downloaded_bytes for one in self._passes)

    def counts(self) -> TileCounts:
        """Return what became of the wanted tiles, as far as it is known; while it runs on, without its gaps."""
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            return TileCounts(
                wanted=self._plan.coverage.count,
                reused=sum(one.tally.reused for one in self._passes),
                downloaded=sum(one.tally.downloaded for one in self._passes),
            )
        return tile_counts(self._plan, self._passes)

    def shares(self) -> tuple[ProviderShare, ...]:
        """Return what each provider that was asked gave; nothing while it runs on."""
        if self._thread.is_alive():
            return ()
        return tuple(provider_share(one) for one in self._passes)

    def _work(self) -> None:
        begun_s = time.monotonic()
        try:
            self._context.emit(PhaseStarted(phase="download", total=self._plan.coverage.count))
            self._ask_each()
            self.duration_s = time.monotonic() - begun_s
            counts = self.counts()
            if not (self._stop.is_set() or self._context.cancelled.is_set()):
                self._context.emit(
                    PhaseFinished(
                        phase="download",
                        duration_s=self.duration_s,
                        detail=f"{counts.downloaded} tiles downloaded, {counts.reused} held already",
                    )
                )
            self._judge(counts)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised again where the batches are pulled
            self.error = error
        finally:
            self.duration_s = time.monotonic() - begun_s
            self._ledger.end()

    def _ask_each(self) -> None:
        plan = self._plan
        ranges: Callable[[], Iterable[TileRange]] = plan.coverage.ranges
        for name, info in plan.providers:
            store = TileStore.open(self._stores_dir, provider=name, dataset=sized_dataset(info))
            self._stores.append(store)
            failpoint("download.after_open")
            reach = Reach(name, info, finest_zoom=plan.zooms[-1], max_gsd_m=plan.inputs.max_gsd_m)
            check_room(self._stores_dir, bytes_to_come(store, info, reach, ranges()))
            one = ProviderPass(
                name,
                self._providers[name],
                info,
                store,
                reach=reach,
                freshness=self._freshness,
                repeats=self._repeats[name],
                hand_on=self._hand_on,
                stop=self._stop,
            )
            self._passes.append(one)
            one.run(ranges())
            if not one.misses:
                return
            ranges = partial(ranges_of, one.misses.packed)

    def _judge(self, counts: TileCounts) -> None:
        taken_back = sum(one.tally.taken_back for one in self._passes)
        if counts.missing <= self._plan.inputs.allow_gaps:
            if taken_back:
                raise TakenBackError(
                    f"{taken_back} tiles that were handed on turned out to be placeholders, and were forgotten",
                    hint="Run the same command again: it goes on without them.",
                )
            return
        raise gaps_error(counts, self._passes, allowed=self._plan.inputs.allow_gaps)

    def _hand_on(self, batch: Sequence[TileRecord]) -> None:
        self._handed_on += len(batch)
        self._ledger.add(batch)
        now_s = time.monotonic()
        if now_s - self._told_s >= PROGRESS_EVERY_S:
            self._told_s = now_s
            self._context.emit(
                PhaseProgress(
                    phase="download",
                    done=self._handed_on,
                    total=self._plan.coverage.count,
                    bytes=self.downloaded_bytes,
                )
            )
