"""What is known of a plan's tiles before its download: held, missing from every provider, or still to be asked for.

By the same rules as the download's: reach, the stores, what a provider said to be absent within a day, and freshness.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from operator_tool.api.tiles import TileId
from operator_tool.geo.coverage import TileRange
from operator_tool.sectors import Freshness
from operator_tool.tile_store import TileStore

from .freshness import ABSENT_IS_SETTLED_S, FreshnessGate
from .lacked import Lacked, known_of, lacked
from .misses import pack, ranges_of
from .plan import CachePlan, sized_dataset
from .reach import Reach

Blocks = list[tuple[int, int]]
"""``x >> bits``, and how many tiles that is of, ascending."""


class KnownTiles(msgspec.Struct, frozen=True):
    """One row of tiles, as far as it is known, in blocks. What is in neither list is to be asked for."""

    held: Blocks
    nowhere: Blocks
    """Every provider of the chain lacks these, by its description, by its own word, or by the age of its imagery."""


class Foreseen:
    """The stores of a plan's providers, open to be asked; a context manager that writes nothing.

    Raises what opening a store raises: ``DownloadError`` and ``ConfigError``.
    """

    def __init__(self, plan: CachePlan, stores_dir: Path, freshness: FreshnessGate) -> None:
        self._plan = plan
        self._stores_dir = stores_dir
        self._freshness = freshness
        self._opened = ExitStack()
        self.stores: list[TileStore] = []
        """In the order of the chain."""
        self.chain = [
            Reach(name, info, finest_zoom=plan.zooms[-1], max_gsd_m=plan.inputs.max_gsd_m)
            for name, info in plan.providers
        ]
        self.unjudged: Counter[str] = Counter()
        """Held tiles that were counted, in a sector and without a date, by the kind of the sector."""
        self.first_nowhere: Lacked | None = None
        """The first tile that was counted and that every provider is known to lack, and why."""

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for name, info in self._plan.providers:
                store = TileStore.open(self._stores_dir, provider=name, dataset=sized_dataset(info))
                self.stores.append(opening.enter_context(store))
            self._opened = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def known(self, tiles: TileRange, bits: int) -> KnownTiles:
        """Return what is known of a range of tiles, counted in blocks of ``1 << bits``."""
        held: Counter[int] = Counter()
        nowhere: Counter[int] = Counter()
        self._walk(0, tiles, bits, held, nowhere)
        return KnownTiles(sorted(held.items()), sorted(nowhere.items()))

    def _walk(self, number: int, tiles: TileRange, bits: int, held: Counter[int], nowhere: Counter[int]) -> None:
        """Count what the provider of that number holds; what it lacks goes on to the next one."""
        while number < len(self.chain) and self.chain[number].problem(tiles) is not None:
            number += 1
        if number == len(self.chain):
            for block, count in _blocks(tiles, bits):
                nowhere[block] += count
            if self.first_nowhere is None:
                self.first_nowhere = self._why_nowhere(TileId(tiles.z, tiles.x0, tiles.y))
            return
        for lacking in self._counted(number, tiles, bits, held):
            self._walk(number + 1, lacking, bits, held, nowhere)

    def _why_nowhere(self, tile: TileId) -> Lacked:
        said = []
        for (name, _), store, reach in zip(self._plan.providers, self.stores, self.chain, strict=True):
            known = known_of(name, store, reach, self._freshness, tile)
            if known is not None and not isinstance(known, int):
                said.append(known)
        return lacked(tile, said)

    def _counted(self, number: int, tiles: TileRange, bits: int, held: Counter[int]) -> Iterator[TileRange]:
        store = self.stores[number]
        lacking = store.absent(tiles.z, tiles.y, tiles.x0, tiles.x1, within_s=ABSENT_IS_SETTLED_S)
        if self._freshness.is_open:
            for block, count in store.held_counts_by_block(tiles.z, tiles.y, tiles.x0, tiles.x1, bits):
                held[block] += count
        else:
            for one in store.held(tiles.z, tiles.y, tiles.x0, tiles.x1):
                if self._freshness.must_ask(one):
                    continue
                fresh = self._freshness.judge(one.record.id, one.imagery_date)
                if fresh is Freshness.TOO_OLD:
                    lacking.append(one.record.id.x)
                    continue
                held[one.record.id.x >> bits] += 1
                kind = self._freshness.unjudged(one.record.id, fresh)
                if kind is not None:
                    self.unjudged[kind] += 1
        if not lacking:
            return iter(())
        return ranges_of(pack(TileId(tiles.z, x, tiles.y)) for x in lacking)


def _blocks(tiles: TileRange, bits: int) -> Iterator[tuple[int, int]]:
    for block in range(tiles.x0 >> bits, (tiles.x1 >> bits) + 1):
        yield block, min(tiles.x1 + 1, (block + 1) << bits) - max(tiles.x0, block << bits)
