"""The samples of a plan: a few real tiles, looked for and judged as the download would, and nothing is written."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from operator_tool.api.build import GapCause
from operator_tool.api.context import RunContext
from operator_tool.api.errors import DownloadError, OperatorToolError, PluginError
from operator_tool.api.roles import TileProvider
from operator_tool.api.tiles import (
    Absent,
    Corrupt,
    Placeholder,
    ProviderInfo,
    Refused,
    Tile,
    TileId,
    TileResult,
    Unreachable,
    WantedTile,
)
from operator_tool.pictures import Repeats
from operator_tool.plugin_host.blame import brief, owner_of
from operator_tool.plugin_host.calls import answered
from operator_tool.sectors import Freshness
from operator_tool.tile_store import TileStore

from .freshness import FreshnessGate
from .gap_hints import WrongSize
from .lacked import Lacked, Said, known_of, lacked, too_old
from .misses import CAUSES
from .picture_gate import NotAPictureError, PictureGate
from .reach import Reach

STOPPING_S = 10.0
"""What a provider gets to stop when it is told to."""


class Sampler:
    """Asks one provider after the other for the samples that those before it lack, and keeps what they showed."""

    def __init__(self, freshness: FreshnessGate, context: RunContext, *, limit_s: float) -> None:
        self._freshness = freshness
        self._context = context
        self._limit_s = limit_s
        self._said: dict[TileId, list[Said]] = {}
        """What each provider that lacks a sample said of it, in the order of the chain."""
        self._asked: set[TileId] = set()
        self.sizes: dict[int, list[int]] = {}
        """The bytes of good samples, by zoom."""
        self.arrivals_s: list[list[float]] = []
        """When samples came, since they were asked for: a list for each provider that gave some."""
        self.wrong_size: WrongSize | None = None
        self.unjudged: Counter[str] = Counter()
        """Fetched samples in a sector and without a date, by the kind of the sector."""
        self.problem = ""
        """Why there are fewer samples than were asked for, if so."""
        self.failure: DownloadError | None = None
        """What a provider failed with that will not pass."""

    def ask(
        self,
        name: str,
        info: ProviderInfo,
        provider: TileProvider,
        store: TileStore,
        reach: Reach,
        wanted: Sequence[TileId],
    ) -> list[TileId]:
        """Return the samples that this provider lacks. What its store holds, or knows to be absent, isn't asked for."""
        lacking: dict[TileId, Said] = {}
        to_ask = []
        for tile in wanted:
            known = known_of(name, store, reach, self._freshness, tile)
            if known is None:
                to_ask.append(tile)
            elif not isinstance(known, int):
                lacking[tile] = known
            else:
                self.sizes.setdefault(tile.z, []).append(known)
        gate = PictureGate(info, Repeats())
        good = sum(map(len, self.sizes.values()))
        refused = self._fetched(name, provider, gate, to_ask)
        corrupt = [tile for tile, (cause, _) in refused.items() if cause is GapCause.CORRUPT]
        if corrupt and not self.problem:
            # As the download does: a picture may have been damaged on its way.
            again = self._fetched(name, provider, gate, corrupt)
            refused = {tile: said for tile, said in refused.items() if tile not in corrupt} | again
        if sum(map(len, self.sizes.values())) > good:
            # A picture of another size amid right ones is that tile's fault, and not the settings'.
            self.wrong_size = None
        lacking |= refused
        for tile, said in lacking.items():
            self._said.setdefault(tile, []).append(said)
        return [tile for tile in wanted if tile in lacking]

    def missed(self, wanted: Iterable[TileId]) -> tuple[Lacked, ...]:
        """Return why these samples, of which some provider was asked for each, are missing."""
        return tuple(lacked(tile, self._said[tile]) for tile in wanted if tile in self._asked and tile in self._said)

    def _fetched(
        self, name: str, provider: TileProvider, gate: PictureGate, tiles: Sequence[TileId]
    ) -> dict[TileId, Said]:
        """Fetch samples, and return why those are lacking that did not come as they must."""
        lacking = dict.fromkeys(tiles, (GapCause.UNREACHABLE, f"{name} gave no answer"))
        if not tiles:
            return lacking
        self._asked.update(tiles)
        # Nothing follows in this run that a cancellation could hurt.
        timer = threading.Timer(self._limit_s, self._context.cancelled.set)
        timer.start()
        began_s = time.monotonic()
        arrivals_s: list[float] = []
        results: Iterator[TileResult] | None = None
        who = owner_of(provider, f"tile provider {name!r}")
        try:
            with answered(who, "fetch", limit_s=self._limit_s + STOPPING_S):
                results = provider.fetch(iter([WantedTile(tile) for tile in tiles]))
                # One more than there are: at the end of its stream a provider says what it found out about the whole.
                for result in itertools.islice(_iterable(who, results), len(tiles) + 1):
                    if getattr(result, "id", None) in lacking:
                        arrivals_s += [time.monotonic() - began_s] if isinstance(result, Tile) else []
                        self._judge(name, gate, result, lacking)
        except OperatorToolError as error:
            self.problem = error.message
            if isinstance(error, DownloadError) and not error.retryable:
                self.failure = error
        finally:
            close = getattr(results, "close", None)
            if close is not None:
                close()
            timer.cancel()
        if arrivals_s:
            self.arrivals_s.append(arrivals_s)
        if self._context.cancelled.is_set():
            self.problem = f"the samples took longer than {self._limit_s:g} s"
        return lacking

    def _judge(self, name: str, gate: PictureGate, result: TileResult, lacking: dict[TileId, Said]) -> None:
        """Take one result out of what is lacking, or note why it stays there."""
        match result:
            case Tile(data=bytes()):
                try:
                    gate.check(result)
                except NotAPictureError as error:
                    lacking[result.id] = error.cause, f"{name} gave {error.reason}"
                    if error.size_px is not None:
                        self.wrong_size = WrongSize(name, error.size_px)
                    return
                fresh = self._freshness.judge(result.id, result.imagery_date)
                if fresh is Freshness.TOO_OLD:
                    lacking[result.id] = too_old(name, result.imagery_date)
                    return
                kind = self._freshness.unjudged(result.id, fresh)
                if kind is not None:
                    self.unjudged[kind] += 1
                self.sizes.setdefault(result.id.z, []).append(len(result.data))
                del lacking[result.id]
            case Absent() | Refused() | Unreachable() | Corrupt() | Placeholder():
                lacking[result.id] = CAUSES[type(result)], result.reason or f"{name} has no such tile"


def _iterable(who: str, results: Iterable[TileResult]) -> Iterable[TileResult]:
    if not isinstance(results, Iterable):
        raise PluginError(f"{who} gave {brief(results)}, not an iterator of results")
    return results
