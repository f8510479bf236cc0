"""The tiles of each zoom as one can see them: blocks of a few pixels, with what is held and what is missing."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable

import msgspec

from operator_tool.build_cache.foreseen import KnownTiles
from operator_tool.geo.coverage import TileRange

from .frame import Frame

LEAST_CELL = 8.0
"""No cell of the large map is smaller."""
LEAST_SMALL_CELL = 30.0
"""No cell of a small map is smaller, in the large map's units."""
MOST_RUNS = 80_000
"""How many runs all zooms together have at most: a store full of holes must not make a page of many megabytes."""

Known = Callable[[TileRange, int], KnownTiles]
"""See ``Foreseen.known``."""


class CellState(enum.Enum):
    """What is to be had for the tiles of a cell."""

    HELD = "held"
    """A store holds all of them."""
    PART = "part"
    """A store holds some of them."""
    MISSING = "missing"
    """They are to be fetched."""
    NOWHERE = "nowhere"
    """There is no provider that has some of them."""


class CellRun(msgspec.Struct, frozen=True):
    """Neighbouring cells of one row and state, ``x0`` to ``x1``, both included, on one turn around the earth."""

    y: int
    x0: int
    x1: int
    state: CellState


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One zoom's cells, each ``1 << bits`` tiles wide and high."""

    zoom: int
    bits: int
    cell: float
    """The width of a cell, in units of the picture."""
    left: float
    top: float
    """Where cell 0, 0 begins in the picture."""
    runs: tuple[CellRun, ...]

    @property
    def tiles_wide(self) -> int:
        """How many tiles a cell is wide."""
        return 1 << self.bits


class ZoomCount(msgspec.Struct, frozen=True, kw_only=True):
    """One zoom's tiles, counted while they were drawn."""

    zoom: int
    wanted: int
    held: int
    nowhere: int

    @property
    def missing(self) -> int:
        """How many are not held."""
        return self.wanted - self.held


class ZoomLayers(msgspec.Struct, frozen=True, kw_only=True):
    """One zoom, for the large map and for a small one."""

    large: Layer
    small: Layer
    count: ZoomCount


def layers_of(ranges: Iterable[TileRange], zooms: Iterable[int], frame: Frame, known: Known) -> list[ZoomLayers]:
    """Return the layers of all zooms, in one pass over the tiles."""
    grids = {zoom: _Grid(zoom, _bits(frame, zoom, LEAST_CELL)) for zoom in zooms}
    for tiles in ranges:
        grid = grids[tiles.z]
        grid.add(tiles, known(tiles, grid.bits))
    layers = []
    most = MOST_RUNS // max(1, len(grids))
    for zoom, grid in grids.items():
        large = grid.layer(frame)
        while len(large.runs) > most and grid.bits < zoom:
            grid = grid.coarser(grid.bits + 1)
            large = grid.layer(frame)
        small = grid.coarser(max(grid.bits, _bits(frame, zoom, LEAST_SMALL_CELL))).layer(frame)
        layers.append(ZoomLayers(large=large, small=small, count=grid.count()))
    return layers


def _bits(frame: Frame, zoom: int, least: float) -> int:
    bits = 0
    while bits < zoom and frame.scale * 2.0 ** (bits - zoom) < least:
        bits += 1
    return bits


class _Grid:
    """The cells of one zoom while they are counted: wanted, held, and those that no provider has."""

    def __init__(self, zoom: int, bits: int) -> None:
        self.zoom = zoom
        self.bits = bits
        self._side = 1 << (zoom - bits)
        self._wanted: dict[int, int] = {}
        self._held: dict[int, int] = {}
        self._nowhere: dict[int, int] = {}

    def add(self, tiles: TileRange, known: KnownTiles) -> None:
        """Add a range of tiles, and what is known of them in each block."""
        row = (tiles.y >> self.bits) * self._side
        size = 1 << self.bits
        first, last = tiles.x0 >> self.bits, tiles.x1 >> self.bits
        wanted = self._wanted
        for x in range(first, last + 1):
            begin, end = max(tiles.x0, x * size), min(tiles.x1 + 1, (x + 1) * size)
            wanted[row + x] = wanted.get(row + x, 0) + end - begin
        for counts, blocks in ((self._held, known.held), (self._nowhere, known.nowhere)):
            for x, number in blocks:
                counts[row + x] = counts.get(row + x, 0) + number

    def coarser(self, bits: int) -> _Grid:
        """Return the same tiles in larger cells."""
        if bits == self.bits:
            return self
        grid = _Grid(self.zoom, bits)
        by = bits - self.bits
        for mine, theirs in (
            (self._wanted, grid._wanted),
            (self._held, grid._held),
            (self._nowhere, grid._nowhere),
        ):
            for cell, number in mine.items():
                y, x = divmod(cell, self._side)
                parent = (y >> by) * grid._side + (x >> by)
                theirs[parent] = theirs.get(parent, 0) + number
        return grid

    def count(self) -> ZoomCount:
        return ZoomCount(
            zoom=self.zoom,
            wanted=sum(self._wanted.values()),
            held=sum(self._held.values()),
            nowhere=sum(self._nowhere.values()),
        )

    def layer(self, frame: Frame) -> Layer:
        cell = frame.scale / self._side
        left, top = frame.at(0.0, 0.0)
        runs: list[CellRun] = []
        for run in self._runs():
            for turn in frame.turns:
                x0, x1 = run.x0 + turn * self._side, run.x1 + turn * self._side
                if left + (x1 + 1) * cell > 0.0 and left + x0 * cell < frame.width:
                    runs.append(CellRun(run.y, x0, x1, run.state))
        return Layer(zoom=self.zoom, bits=self.bits, cell=cell, left=left, top=top, runs=tuple(runs))

    def _runs(self) -> Iterable[CellRun]:
        last: CellRun | None = None
        for at in sorted(self._wanted):
            y, x = divmod(at, self._side)
            state = self._state(at)
            if last is not None and last.y == y and last.x1 == x - 1 and last.state is state:
                last = CellRun(y, last.x0, x, state)
                continue
            if last is not None:
                yield last
            last = CellRun(y, x, x, state)
        if last is not None:
            yield last

    def _state(self, at: int) -> CellState:
        if at in self._nowhere:
            return CellState.NOWHERE
        held = self._held.get(at, 0)
        if held == 0:
            return CellState.MISSING
        return CellState.HELD if held >= self._wanted[at] else CellState.PART
