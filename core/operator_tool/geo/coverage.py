"""The tiles of the ground, held as ranges: ten million tiles take a few megabytes and never become a list."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from operator_tool.api import PlanError, TileId

from .area import Ground
from .mercator import lat_deg_of, lon_deg_of
from .rows import rows_of
from .spans import Span, joined

_COUNTING_STEPS = 500_000
"""How many shapes are still looked at once the limit is passed, only to say by how much: well under a second."""


class TileRange(msgspec.Struct, frozen=True, order=True):
    """Neighbouring tiles of one row, ``x0`` to ``x1``, both included."""

    z: int
    y: int
    x0: int
    x1: int

    @property
    def count(self) -> int:
        """How many tiles they are."""
        return self.x1 - self.x0 + 1


class Coverage:
    """The tiles of the ground at several zooms: each once, in the order of zoom, ``y`` and ``x``."""

    def __init__(self, layers: Sequence[_Layer], bounds_deg: tuple[float, float, float, float]) -> None:
        self._layers = {layer.z: layer for layer in layers}
        self.count_by_zoom = {layer.z: layer.count for layer in layers}
        """How many tiles each zoom has."""
        self.count = sum(self.count_by_zoom.values())
        """How many tiles there are."""
        self.bounds_deg = bounds_deg
        """West, south, east and north of the ground; west is greater than east where it crosses 180°."""

    def ranges(self) -> Iterator[TileRange]:
        """Yield the tiles as ranges that neither overlap nor touch; one across the antimeridian comes as two."""
        for layer in self._layers.values():
            yield from layer.ranges()

    def tiles(self) -> Iterator[TileId]:
        """Yield the tiles one by one."""
        for one in self.ranges():
            for x in range(one.x0, one.x1 + 1):
                yield TileId(one.z, x, one.y)

    def __contains__(self, tile: TileId) -> bool:
        layer = self._layers.get(tile.z)
        return layer is not None and layer.has(tile.x, tile.y)


def coverage_of(ground: Ground, zooms: Iterable[int], *, max_tiles: int | None = None) -> Coverage:
    """Return the tiles at these zooms that hold a point of the ground; which tile holds a point on an edge, see
    ``mercator``.

    Raises ``PlanError``, with the count, when there are more than ``max_tiles``: soon, and without holding them.
    """
    ordered = sorted(set(zooms))
    layers: list[_Layer] = []
    room = max_tiles
    for z in reversed(ordered):
        layer = _Layer(z)
        # A tile holds a point of the ground exactly when one of the tiles that it divides into does.
        for y, spans in layers[-1].rows_at(z) if layers else _swept(ground, z):
            layer.add(y, spans)
            if room is not None and layer.count > room:
                raise _too_many(ground, ordered, max_tiles or 0)
        layers.append(layer)
        if room is not None:
            room -= layer.count
    return Coverage(layers[::-1], _bounds_deg(ground))


def _swept(ground: Ground, z: int) -> Iterator[tuple[int, Sequence[Span]]]:
    for y, spans, _ in rows_of(ground, z):
        yield y, spans


class _Layer:
    """The ranges of one zoom, row after row: eight bytes a range and four a row."""

    def __init__(self, z: int) -> None:
        self.z = z
        self.count = 0
        self._first_row = 0
        self._row_starts = array("I")
        """For each row from the first on, where its ranges begin."""
        self._x0 = array("I")
        self._x1 = array("I")

    def add(self, y: int, spans: Sequence[Span]) -> None:
        """Add the next row; rows come from north to south."""
        if not self._row_starts:
            self._first_row = y
        while len(self._row_starts) <= y - self._first_row:
            self._row_starts.append(len(self._x0))
        for x0, x1 in spans:
            self._x0.append(x0)
            self._x1.append(x1)
            self.count += x1 - x0 + 1

    def ranges(self) -> Iterator[TileRange]:
        for row in range(len(self._row_starts)):
            for at in range(*self._ranges_of_row(row)):
                yield TileRange(self.z, self._first_row + row, self._x0[at], self._x1[at])

    def rows_at(self, z: int) -> Iterator[tuple[int, Sequence[Span]]]:
        """Yield each row of the tiles at a coarser zoom that these lie in, with its spans."""
        coarser = self.z - z
        spans: list[Span] = []
        y = self._first_row >> coarser
        for row in range(len(self._row_starts)):
            if (at := (self._first_row + row) >> coarser) != y:
                if spans:
                    yield y, joined(spans)
                y, spans = at, []
            first, end = self._ranges_of_row(row)
            spans += ((self._x0[i] >> coarser, self._x1[i] >> coarser) for i in range(first, end))
        if spans:
            yield y, joined(spans)

    def has(self, x: int, y: int) -> bool:
        row = y - self._first_row
        if not 0 <= row < len(self._row_starts):
            return False
        first, end = self._ranges_of_row(row)
        at = bisect_right(self._x0, x, first, end) - 1
        return at >= first and x <= self._x1[at]

    def _ranges_of_row(self, row: int) -> tuple[int, int]:
        following = row + 1
        end = self._row_starts[following] if following < len(self._row_starts) else len(self._x0)
        return self._row_starts[row], end


def _too_many(ground: Ground, zooms: Sequence[int], max_tiles: int) -> PlanError:
    count, exact = _count(ground, zooms)
    narrower = f"fewer zooms with --zoom, or a narrower --{ground.kind.value}"
    return PlanError(
        f"zooms {', '.join(map(str, zooms))} of this area are {'' if exact else 'more than '}{count:,} tiles; "
        f"the limit is {max_tiles:,}",
        hint=f"Ask for {narrower}, or pass --max-tiles {count if exact else 'with a higher limit'}.",
    )


def _count(ground: Ground, zooms: Sequence[int]) -> tuple[int, bool]:
    """Return how many tiles there are, or how many were counted when the steps ran out, and whether that is all."""
    count = steps = 0
    for z in zooms:
        for _, spans, looked_at in rows_of(ground, z):
            count += sum(x1 - x0 + 1 for x0, x1 in spans)
            steps += looked_at
            if steps > _COUNTING_STEPS:
                return count, False
    return count, True


def _bounds_deg(ground: Ground) -> tuple[float, float, float, float]:
    west, north, east, south = ground.extent()
    if east - west >= 1.0:
        return -180.0, lat_deg_of(south), 180.0, lat_deg_of(north)
    return lon_deg_of(west), lat_deg_of(south), -lon_deg_of(-east), lat_deg_of(north)
