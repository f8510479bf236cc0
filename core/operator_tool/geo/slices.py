"""Capsules and boxes at one zoom, cut by rows of tiles."""

from __future__ import annotations

import math
from typing import Protocol

from .boxes import Box
from .capsules import Capsule
from .spans import Span


class Slice(Protocol):
    """A shape at one zoom that is one span in each row that it reaches."""

    @property
    def west(self) -> int:
        """The first ``x`` in any row."""
        ...

    @property
    def east(self) -> int:
        """The last ``x`` in any row."""
        ...

    @property
    def last_row(self) -> int:
        """The last row that it reaches."""
        ...

    def span(self, y: int) -> Span:
        """Return the tiles that the shape touches in a row that it reaches."""
        ...


def row_of(y: float, side: int) -> int:
    """Return the row of tiles that a place in the square is in; the first or the last for one beyond them."""
    return min(max(math.floor(y * side), 0), side - 1)


class BoxSlice:
    """A box at one zoom."""

    __slots__ = ("box", "east", "last_row", "west")

    def __init__(self, box: Box, side: int) -> None:
        self.box = box
        self.west, self.east = math.floor(box.west * side), math.floor(box.east * side)
        self.last_row = row_of(box.south, side)

    def span(self, y: int) -> Span:  # noqa: ARG002 - a box is as wide in every row
        """Return the tiles that the box touches in a row that it reaches."""
        return self.west, self.east


class CapsuleSlice:
    """A capsule at one zoom, ready to be cut by rows; in metres from its northern end, so that nothing cancels."""

    __slots__ = (
        "_dx_m",
        "_dy_m",
        "_origin_tile",
        "_origin_y_m",
        "_reach_m",
        "_row_m",
        "_tiles_per_m",
        "capsule",
        "east",
        "last_row",
        "west",
    )

    def __init__(self, capsule: Capsule, side: int) -> None:
        self.capsule = c = capsule
        (a_x, a_y), (b_x, b_y) = (
            ((c.a_x, c.a_y), (c.b_x, c.b_y)) if c.a_y <= c.b_y else ((c.b_x, c.b_y), (c.a_x, c.a_y))
        )
        self._dx_m, self._dy_m = (b_x - a_x) * c.x_m, (b_y - a_y) * c.y_m
        self._reach_m = c.reach_m
        self._origin_tile, self._origin_y_m = a_x * side, a_y * c.y_m
        self._row_m, self._tiles_per_m = c.y_m / side, side / c.x_m
        wider = c.reach_m / c.x_m
        self.west, self.east = math.floor((min(a_x, b_x) - wider) * side), math.floor((max(a_x, b_x) + wider) * side)
        self.last_row = row_of(b_y + c.reach_m / c.y_m, side)

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
