"""What the stores hold of a plan before its download, in blocks of tiles, so that millions of them can be drawn."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from operator_tool.geo.coverage import TileRange
from operator_tool.tile_store import TileStore

from .plan import CachePlan
from .reach import Reach, first_asked


class HeldTiles:
    """The stores of a plan's providers, open to be asked; a context manager that writes nothing.

    Raises what opening a store raises: ``DownloadError`` and ``ConfigError``.
    """

    def __init__(self, plan: CachePlan, stores_dir: Path) -> None:
        self._plan = plan
        self._stores_dir = stores_dir
        self._opened = ExitStack()
        self._stores: list[TileStore] = []
        finest = plan.zooms[-1]
        self._chain = [
            Reach(name, info, finest_zoom=finest, max_gsd_m=plan.inputs.max_gsd_m) for name, info in plan.providers
        ]

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for name, info in self._plan.providers:
                store = TileStore.open(self._stores_dir, provider=name, dataset=info.dataset)
                self._stores.append(opening.enter_context(store))
            self._opened = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def count_by_block(self, tiles: TileRange, bits: int) -> list[tuple[int, int]] | None:
        """Return ``x >> bits`` and how many of the range's tiles are held that have it, ascending; None where no
        provider of the chain may be asked for them at all."""
        number = first_asked(self._chain, tiles)
        if number is None:
            return None
        return self._stores[number].held_counts_by_block(tiles.z, tiles.y, tiles.x0, tiles.x1, bits)
