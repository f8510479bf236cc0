"""The sweep from north to south over the shapes of the ground, row of tiles by row of tiles."""

from __future__ import annotations

from array import array
from bisect import insort
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from .area import Ground
from .fills import Fills
from .slices import BoxSlice, CapsuleSlice, Slice, row_of
from .spans import Span

Row = tuple[int, Sequence[Span], int]
"""A row's ``y``, its spans from west to east (disjoint, none touching the next), and how many shapes were looked at."""

_west = attrgetter("west")


class SweptRow(NamedTuple):
    """What a row of tiles is touched by; each ``x`` as the shapes have it, not yet brought back into the world."""

    y: int
    spans: list[Span]
    """Of the capsules and boxes."""
    filled: list[Span]
    """Of the polygons' insides."""
    slices: Sequence[Slice]
    """The capsules and boxes that reach this row."""


def swept(ground: Ground, side: int) -> Iterator[SweptRow]:
    """Sweep from north to south: a shape is looked at in the rows that it reaches, and in no other.

    The fence is not heeded.
    """
    strokes, boxes = ground.strokes, ground.boxes
    first_rows = array("q", (row_of(strokes.north_y(number), side) for number in range(len(strokes))))
    first_rows.extend(row_of(box.north, side) for box in boxes)
    waiting = sorted(range(len(first_rows)), key=first_rows.__getitem__, reverse=True)
    fills = Fills(ground.polygons, side)
    active: list[Slice] = []
    y = 0
    while active or waiting:
        if not active:
            y = max(y, first_rows[waiting[-1]])
        while waiting and first_rows[waiting[-1]] <= y:
            number = waiting.pop()
            shape: Slice = (
                CapsuleSlice(strokes[number], side)
                if number < len(strokes)
                else BoxSlice(boxes[number - len(strokes)], side)
            )
            insort(active, shape, key=_west)
        # Where a polygon is filled its rim is too, so that no row of it is passed over.
        yield SweptRow(y, _spans_in_row(active, y), fills.spans(y), active)
        y += 1
        active = [one for one in active if one.last_row >= y]


def _spans_in_row(active: Sequence[Slice], y: int) -> list[Span]:
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
    return spans
