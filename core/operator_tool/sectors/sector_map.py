"""Which sectors a tile lies in, fast enough to be asked of half a million tiles.

A tile that no sector's edge crosses lies wholly within or wholly outside of each, and so do all tiles below it. So the
answer is looked for from zoom 0 down, and a tile inherits whatever is settled above it: only along the edges is there
anything left to compute, and there only with the few edges that cross the tile above.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from operator_tool.api.tiles import TileId
from operator_tool.geo.mercator import tile_bounds_deg

from .sector import Bounds, Polygon, Sector, SectorKind

_MOST_KEPT = 16_384
"""How many tiles' answers are kept: tiles are asked for row by row, so that the latest are enough."""

Edge = tuple[float, float, float, float]


class _Open(msgspec.Struct, frozen=True, gc=False):
    """A polygon some of whose edges cross a tile: these edges, and all of them."""

    kind: SectorKind
    crossing: tuple[Edge, ...]
    edges: tuple[Edge, ...]


class _Answer(msgspec.Struct, frozen=True, gc=False):
    """The strictest kind that the whole of a tile has, and the polygons that may make a part of it stricter."""

    kind: SectorKind | None
    open: tuple[_Open, ...] = ()


class SectorMap:
    """The sectors of one run."""

    def __init__(self, sectors: Sequence[Sector]) -> None:
        ground = [(sector.kind, _edges(polygon)) for sector in sectors for polygon in sector.ground_deg]
        self._all = _Answer(None, tuple(_Open(kind, edges, edges) for kind, edges in ground))
        self._known: dict[TileId, _Answer] = {}

    def kind_of(self, tile: TileId) -> SectorKind | None:
        """Return the strictest kind of the sectors that a tile has ground in common with, None where there is none."""
        above = self._of(TileId(tile.z - 1, tile.x >> 1, tile.y >> 1)) if tile.z else self._all
        if not above.open:
            return above.kind
        answer = _narrowed(above, tile)
        return _strictest(answer.kind, *(one.kind for one in answer.open))

    def _of(self, tile: TileId) -> _Answer:
        answer = self._known.get(tile)
        if answer is None:
            above = self._of(TileId(tile.z - 1, tile.x >> 1, tile.y >> 1)) if tile.z else self._all
            answer = _narrowed(above, tile) if above.open else above
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[tile] = answer
        return answer


def sector_kind_of(tile: TileId, sectors: tuple[Sector, ...]) -> SectorKind | None:
    """Return the strictest kind of the sectors that a tile has ground in common with, None where there is none.

    Fast when it is asked again with the very same tuple.
    """
    global _latest
    latest = _latest
    if latest is None or latest[0] is not sectors:
        _latest = latest = (sectors, SectorMap(sectors))
    return latest[1].kind_of(tile)


_latest: tuple[tuple[Sector, ...], SectorMap] | None = None


def _narrowed(above: _Answer, tile: TileId) -> _Answer:
    """Return the answer for a tile from that of the tile above it."""
    bounds_deg = tile_bounds_deg(tile)
    kind = above.kind
    still_open = []
    for one in above.open:
        crossing = tuple(edge for edge in one.crossing if _crosses(edge, bounds_deg))
        if crossing:
            still_open.append(_Open(one.kind, crossing, one.edges))
        elif _is_inside(one.edges, (bounds_deg[0] + bounds_deg[2]) / 2, (bounds_deg[1] + bounds_deg[3]) / 2):
            kind = _strictest(kind, one.kind)
    return _Answer(kind, tuple(one for one in still_open if _strictest(kind, one.kind) is not kind))


def _strictest(*kinds: SectorKind | None) -> SectorKind | None:
    return next((kind for kind in SectorKind if kind in kinds), None)


def _edges(polygon: Polygon) -> tuple[Edge, ...]:
    return tuple((*start, *end) for ring in polygon for start, end in pairwise(ring) if start != end)


def _crosses(edge: Edge, bounds_deg: Bounds) -> bool:
    """Say whether an edge runs through the inside of a box; along its border doesn't count (after Liang and Barsky)."""
    x0, y0, x1, y1 = edge
    west, south, east, north = bounds_deg
    if max(x0, x1) <= west or min(x0, x1) >= east or max(y0, y1) <= south or min(y0, y1) >= north:
        return False
    start, end = 0.0, 1.0
    for delta, low, high in ((x1 - x0, west - x0, east - x0), (y1 - y0, south - y0, north - y0)):
        if delta:
            first, last = low / delta, high / delta
            if first > last:
                first, last = last, first
            start, end = max(start, first), min(end, last)
    if start >= end:
        return False
    middle = (start + end) / 2
    x, y = x0 + middle * (x1 - x0), y0 + middle * (y1 - y0)
    return west < x < east and south < y < north


def _is_inside(edges: Sequence[Edge], x: float, y: float) -> bool:
    """Say whether a point lies in a polygon: a line from it to the east crosses the rings an odd number of times."""
    inside = False
    for x0, y0, x1, y1 in edges:
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    return inside
