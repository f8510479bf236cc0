"""The gap that is nearest to the route, of millions of them: what an operator asks first."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable

from operator_tool.api.order import GapPlace
from operator_tool.api.tiles import TileId
from operator_tool.geo.mercator import lat_deg_of, metres_per_unit
from operator_tool.geo.route import Route, place_on_route

from .misses import unpack

_BLOCK_BITS = 5


def nearest_gap(route: Route, missed: Iterable[int]) -> GapPlace | None:
    """Return the gap whose centre is nearest to the route, of tiles packed as ``misses`` has them; None without any.

    Of equally near ones the one of the coarsest zoom, then of the lowest row and column. Blocks of 32 by 32 tiles are
    looked at first, and only those that may hold a nearer tile than was found are looked into.
    """
    blocks: dict[TileId, list[int]] = defaultdict(list)
    for packed in missed:
        tile = unpack(packed)
        bits = min(_BLOCK_BITS, tile.z)
        blocks[TileId(tile.z - bits, tile.x >> bits, tile.y >> bits)].append(packed)
    # No tile of a block has its centre farther from the block's than half the block's diagonal.
    queue = [(place_on_route(route, block).distance - math.sqrt(0.5) / (1 << block.z), block) for block in blocks]
    heapq.heapify(queue)
    found: tuple[float, int] | None = None
    while queue:
        at_least, block = heapq.heappop(queue)
        if found is not None and at_least > found[0]:
            break
        for packed in blocks[block]:
            reached = place_on_route(route, unpack(packed)).distance, packed
            found = reached if found is None else min(found, reached)
    return None if found is None else _place(route, unpack(found[1]))


def _place(route: Route, tile: TileId) -> GapPlace:
    place = place_on_route(route, tile)
    metres = sum(metres_per_unit(lat_deg_of((tile.y + 0.5) / (1 << tile.z)))) / 2.0
    return GapPlace(
        z=tile.z,
        x=tile.x,
        y=tile.y,
        route_m=round(place.route_m),
        waypoint=place.waypoint,
        off_m=round(place.distance * metres),
    )
