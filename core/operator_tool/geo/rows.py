"""The tiles of an area at one zoom, row after row from north to south, so that only one row is ever in hand."""

from __future__ import annotations

import math
from array import array
from bisect import insort
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter

from .area import Area, Box, Capsule, Corridor

Span = tuple[int, int]
"""The first and the last ``x`` of neighbouring tiles."""
Row = tuple[int, Sequence[Span], int]
"""A row's ``y``, its spans from west to east (disjoint, none touching the next), and how many shapes were looked at."""

_west = attrgetter("west")


def rows_of(area: Area, z: int) -> Iterator[Row]:
    """Yield every row of tiles at zoom ``z`` that the area touches.

    A tile is touched when it holds a point of the area; its west and north edges are its own. A row's southern edge
    counts for the row too, which can only matter for an area that ends there to the last bit.
    """
    return _box_rows(area, z) if isinstance(area, Box) else _corridor_rows(area, z)


def _box_rows(box: Box, z: int) -> Iterator[Row]:
    side = 1 << z
    spans = _merged([(math.floor(box.west * side), math.floor(box.east * side))], side)
    for y in range(_row_of(box.north, side), _row_of(box.south, side) + 1):
        yield y, spans, 1


def _corridor_rows(corridor: Corridor, z: int) -> Iterator[Row]:
    """Sweep from north to south: a capsule is looked at in the rows that it reaches, and in no other."""
    side = 1 << z
    north = array("d", map(corridor.north_y, range(corridor.route.pieces)))
    waiting = sorted(range(len(north)), key=north.__getitem__, reverse=True)
    active: list[_Slice] = []
    y = 0
    while active or waiting:
        if not active:
            y = max(y, _row_of(north[waiting[-1]], side))
        while waiting and _row_of(north[waiting[-1]], side) <= y:
            insort(active, _Slice(corridor.capsule(waiting.pop()), side), key=_west)
        yield y, _spans_in_row(active, y, side), len(active)
        y += 1
        active = [one for one in active if one.last_row >= y]


def _spans_in_row(active: Sequence[_Slice], y: int, side: int) -> Sequence[Span]:
    """Return the row's spans. From west to east most slices of a dense survey lie in what is covered already, and
    needn't be cut; the order is for speed alone."""
    spans: list[Span] = []
    west, east = active[0].span(y)
    for one in islice(active, 1, None):
        if west <= one.west and one.east <= east:
            continue
        first, last = one.span(y)
        if first <= east + 1 and last >= west - 1:
            west, east = min(west, first), max(east, last)
        else:
            spans.append((west, east))
            west, east = first, last
    spans.append((west, east))
    return _merged(spans, side)


def _merged(spans: list[Span], side: int) -> Sequence[Span]:
    """Return the same tiles as disjoint spans in ascending order, brought back into the world's ``side`` tiles."""
    inside: list[Span] = []
    for west, east in spans:
        if east - west + 1 >= side:
            return ((0, side - 1),)
        turn = west // side * side
        first, last = west - turn, east - turn
        if last < side:
            inside.append((first, last))
        else:
            inside += ((first, side - 1), (0, last - side))
    if len(inside) == 1:
        return inside
    inside.sort()
    merged = inside[:1]
    for first, last in inside:
        if first > merged[-1][1] + 1:
            merged.append((first, last))
        elif last > merged[-1][1]:
            merged[-1] = (merged[-1][0], last)
    return merged


def _row_of(y: float, side: int) -> int:
    return min(max(math.floor(y * side), 0), side - 1)


class _Slice:
    """A capsule at one zoom, ready to be cut by rows; in metres from its northern end, so that nothing cancels."""

    __slots__ = (
        "_dx_m",
        "_dy_m",
        "_origin_tile",
        "_origin_y_m",
        "_reach_m",
        "_row_m",
        "_tiles_per_m",
        "east",
        "last_row",
        "west",
    )

    def __init__(self, capsule: Capsule, side: int) -> None:
        c = capsule
        (a_x, a_y), (b_x, b_y) = (
            ((c.a_x, c.a_y), (c.b_x, c.b_y)) if c.a_y <= c.b_y else ((c.b_x, c.b_y), (c.a_x, c.a_y))
        )
        self._dx_m, self._dy_m = (b_x - a_x) * c.x_m, (b_y - a_y) * c.y_m
        self._reach_m = c.reach_m
        self._origin_tile, self._origin_y_m = a_x * side, a_y * c.y_m
        self._row_m, self._tiles_per_m = c.y_m / side, side / c.x_m
        wider = c.reach_m / c.x_m
        self.west, self.east = math.floor((min(a_x, b_x) - wider) * side), math.floor((max(a_x, b_x) + wider) * side)
        self.last_row = _row_of(b_y + c.reach_m / c.y_m, side)

    def span(self, y: int) -> Span:
        """Return the tiles that the capsule touches in a row that it reaches."""
        north_m = y * self._row_m - self._origin_y_m
        south_m = north_m + self._row_m
        east_m = _easternmost_m(north_m, south_m, self._dx_m, self._dy_m, self._reach_m)
        west_m = -_easternmost_m(north_m, south_m, -self._dx_m, self._dy_m, self._reach_m)
        return (
            math.floor(self._origin_tile + west_m * self._tiles_per_m),
            math.floor(self._origin_tile + east_m * self._tiles_per_m),
        )


def _easternmost_m(north_m: float, south_m: float, dx_m: float, dy_m: float, reach_m: float) -> float:
    """Return the largest x of a capsule between two parallels, which must reach it.

    The capsule runs from (0, 0) to (dx, dy), dy >= 0, y southwards. Its eastern rim is a concave function of y: an arc
    round the first end, the straight edge beside the line, an arc round the second end. So the largest x is that of the
    more eastern end where the parallels include it, and else that of the parallel nearest to it.
    """
    y_m = min(max(dy_m if dx_m > 0.0 else 0.0, north_m), south_m)
    length_m = math.hypot(dx_m, dy_m)
    shift_m = reach_m * dx_m / length_m if length_m else 0.0
    into_edge_m = y_m + shift_m
    if into_edge_m <= 0.0:
        return math.sqrt(max(reach_m * reach_m - y_m * y_m, 0.0))
    if into_edge_m >= dy_m:
        return dx_m + math.sqrt(max(reach_m * reach_m - (y_m - dy_m) ** 2, 0.0))
    return reach_m * dy_m / length_m + into_edge_m / dy_m * dx_m
