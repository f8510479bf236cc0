"""The tiles of ground that a fence clips: those that hold a point of the ground which lies inside of the fence.

Tiles inside of the fence need no more than the ground. Those that the fence's rim crosses are decided one by one: what
of the tile lies inside of the fence is measured against each shape that is near.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import shapely
from shapely.geometry.base import BaseGeometry

from .area import Ground
from .capsules import Capsule, Capsules
from .fence import filled
from .flown import rims_of
from .rings import Polygon
from .slices import BoxSlice, CapsuleSlice, Slice
from .spans import Span, joined, shared, without, wrapped
from .sweep import Row, SweptRow, swept


def clipped_rows(ground: Ground, z: int) -> Iterator[Row]:
    """Yield every row of tiles at zoom ``z`` that the ground touches inside of its fence."""
    fence = ground.fence or ()
    side = 1 << z
    rim = Ground(strokes=Capsules(rims_of([(polygon, 0.0, "the fence") for polygon in fence])), polygons=fence)
    edge = _Edge(ground, fence, side)
    rims = iter(swept(rim, side))
    at = next(rims, None)
    for row in swept(ground, side):
        while at is not None and at.y < row.y:
            at = next(rims, None)
        if at is None:
            return
        if at.y > row.y:
            continue
        spans = joined(row.spans + row.filled)
        on_rim = joined(at.spans)
        kept = shared(spans, without(joined(at.filled), on_rim))
        undecided = [x for first, last in shared(spans, on_rim) for x in range(first, last + 1)]
        kept += edge.touched(row, undecided)
        if kept:
            yield row.y, wrapped(kept, side), len(row.slices) + len(undecided)


class _Edge:
    """Decides on the tiles that the fence's rim crosses, at one zoom."""

    def __init__(self, ground: Ground, fence: Sequence[Polygon], side: int) -> None:
        self._side = side
        self._fence = shapely.union_all([filled(polygon) for polygon in fence])
        self._solids = [filled(polygon) for polygon in ground.polygons]
        shapely.prepare(self._solids)

    def touched(self, row: SweptRow, undecided: Sequence[int]) -> list[Span]:
        """Return the tiles of these in which the ground has a point inside of the fence."""
        if not undecided:
            return []
        side = self._side
        north, south = row.y / side, (row.y + 1) / side
        strip = shapely.intersection(
            self._fence, shapely.box(undecided[0] / side, north, (undecided[-1] + 1) / side, south)
        )
        touched: list[Span] = []
        for x in undecided:
            part = shapely.intersection(strip, shapely.box(x / side, north, (x + 1) / side, south))
            if not part.is_empty and self._meets(part, x, row):
                touched.append((x, x))
        return touched

    def _meets(self, part: BaseGeometry, x: int, row: SweptRow) -> bool:
        for one in row.slices:
            if one.west <= x <= one.east:
                first, last = one.span(row.y)
                if first <= x <= last and _reaches(one, part):
                    return True
        return any(solid.intersects(part) for solid in self._solids)


def _reaches(one: Slice, part: BaseGeometry) -> bool:
    if isinstance(one, CapsuleSlice):
        return _distance_m(one.capsule, part) <= one.capsule.reach_m
    if isinstance(one, BoxSlice):
        return bool(shapely.box(one.box.west, one.box.north, one.box.east, one.box.south).intersects(part))
    raise TypeError(f"{type(one).__name__} is neither a capsule nor a box")


def _distance_m(capsule: Capsule, part: BaseGeometry) -> float:
    """Return how far a part of the map is from the capsule's line, in the metres of the capsule."""
    c = capsule
    origin, scale = (c.a_x, c.a_y), (c.x_m, c.y_m)
    in_metres = shapely.transform(part, lambda places: (places - origin) * scale)
    end = ((c.b_x - c.a_x) * c.x_m, (c.b_y - c.a_y) * c.y_m)
    line = shapely.LineString([(0.0, 0.0), end]) if end != (0.0, 0.0) else shapely.Point(0.0, 0.0)
    return float(in_metres.distance(line))
