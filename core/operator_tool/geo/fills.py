"""The insides of polygons at one zoom, row after row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from .rings import Polygon
from .spans import Span

_Edge = tuple[int, int, int, float, float, float]
"""The first and the last row whose middle it crosses, its polygon, the northern end's place, and its lean: x over y."""


class Fills:
    """Polygons, filled along the middle of each row.

    A tile that a polygon touches lies across that line, or else across the polygon's rim: together with the rims these
    spans are all that is touched.
    """

    def __init__(self, polygons: Sequence[Polygon], side: int) -> None:
        self._side = side
        self._waiting = sorted(_edges(polygons, side), reverse=True)
        self._active: list[_Edge] = []

    def spans(self, row: int) -> list[Span]:
        """Return the spans of a row. It must lie south of the row that was asked for before."""
        waiting, active = self._waiting, self._active
        while waiting and waiting[-1][0] <= row:
            active.append(waiting.pop())
        self._active = active = [edge for edge in active if edge[1] >= row]
        if not active:
            return []
        side = self._side
        middle = (row + 0.5) / side
        crossings = sorted((polygon, x + (middle - y) * lean) for _, _, polygon, x, y, lean in active)
        # A ring crosses a parallel an even number of times, so that neighbours belong to the same polygon.
        return [
            (math.floor(west * side), math.floor(east * side))
            for (_, west), (_, east) in zip(crossings[::2], crossings[1::2], strict=True)
        ]


def _edges(polygons: Sequence[Polygon], side: int) -> list[_Edge]:
    edges: list[_Edge] = []
    for number, rings in enumerate(polygons):
        for ring in rings:
            corners = list(zip(ring.y, ring.x, strict=True))
            for one, other in pairwise((*corners, corners[0])):
                (north_y, north_x), (south_y, south_x) = (one, other) if one < other else (other, one)
                # Half-open, so that two edges that meet on the line cross it once or twice, as the ring does.
                first, end = math.ceil(north_y * side - 0.5), math.ceil(south_y * side - 0.5)
                if first < end:
                    lean = (south_x - north_x) / (south_y - north_y)
                    edges.append((first, end - 1, number, north_x, north_y, lean))
    return edges
