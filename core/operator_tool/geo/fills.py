"""The insides of polygons at one zoom, row after row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from .rings import Polygon
from .spans import Span

_Edge = tuple[int, int, int, int, int, float, float, float]
"""The first and the last row whose middle it crosses, its polygon, its ring there, 1 southwards or -1, the northern
end's place, and its lean: x over y."""


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
        side = self._side
        middle = (row + 0.5) / side
        crossings = sorted(
            (polygon, x + (middle - y) * lean, ring, to) for _, _, polygon, ring, to, x, y, lean in active
        )
        turns: dict[int, int] = {}
        """How often each ring goes around the places from here to the next crossing; a polygon leaves none behind."""
        spans: list[Span] = []
        for (_, west, ring, to), (_, east, _, _) in pairwise(crossings):
            turns[ring] = turns.get(ring, 0) + to
            if not turns[ring]:
                del turns[ring]
            if 0 in turns and len(turns) == 1:
                spans.append((math.floor(west * side), math.floor(east * side)))
        return spans


def _edges(polygons: Sequence[Polygon], side: int) -> list[_Edge]:
    edges: list[_Edge] = []
    for polygon, rings in enumerate(polygons):
        for number, ring in enumerate(rings):
            corners = list(zip(ring.y, ring.x, strict=True))
            for one, other in pairwise((*corners, corners[0])):
                to, ((north_y, north_x), (south_y, south_x)) = (1, (one, other)) if one < other else (-1, (other, one))
                # Half-open, so that two edges that meet on the line cross it once or twice, as the ring does.
                first, end = math.ceil(north_y * side - 0.5), math.ceil(south_y * side - 0.5)
                if first < end:
                    lean = (south_x - north_x) / (south_y - north_y)
                    edges.append((first, end - 1, polygon, number, to, north_x, north_y, lean))
    return edges
