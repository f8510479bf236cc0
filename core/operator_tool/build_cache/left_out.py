"""What the flight's source draws and the flight doesn't follow, held against the ground that is planned."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from operator_tool.api import Flight, LeftOut, Place, TileId
from operator_tool.geo.coverage import Coverage
from operator_tool.geo.mercator import LIMIT_DEG, x_of, y_of

from .plausibility import Finding

_STEPS = 500_000
"""Places looked at in all, about a second: of a line that is longer its corners are looked at alone."""
_SHOWN = 20


def left_out_findings(flight: Flight, coverage: Coverage) -> Iterator[Finding]:
    """Yield a warning for each geometry that was left out and reaches beyond the tiles of the plan."""
    zoom = max(coverage.count_by_zoom)
    steps = _STEPS
    found = 0
    for one in flight.left_out:
        outside: list[Place] = []
        for place in _along(one, zoom, steps):
            steps -= 1
            if _tile_of(place, zoom) not in coverage:
                outside.append(place)
        if outside:
            found += 1
            if found <= _SHOWN:
                lat_deg, lon_deg = outside[0]
                yield Finding(
                    text=f"{one.name} is left out, and lies outside of the planned ground, first at latitude "
                    f"{lat_deg:.5f}, longitude {lon_deg:.5f}"
                )
    if found > _SHOWN:
        yield Finding(text=f"{found - _SHOWN:,} more that are left out lie outside of the planned ground")


def _along(one: LeftOut, zoom: int, steps: int) -> Iterator[Place]:
    """Yield the places, and for a line those between them, half a tile apart; of an endless one its corners alone."""
    yield from one.places[:1]
    for (lat_a, lon_a), (lat_b, lon_b) in itertools.pairwise(one.places):
        if one.is_line:
            way_deg = (lon_b - lon_a + 180.0) % 360.0 - 180.0
            tiles = max(abs(way_deg) / 360.0, abs(_y_of(lat_a) - _y_of(lat_b))) * (1 << zoom)
            count = math.ceil(tiles * 2.0)
            steps -= count
            for i in range(1, count if steps > 0 else 1):
                lon_deg = (lon_a + way_deg * i / count + 180.0) % 360.0 - 180.0
                yield lat_a + (lat_b - lat_a) * i / count, lon_deg
        yield lat_b, lon_b


def _tile_of(place: Place, zoom: int) -> TileId:
    side = 1 << zoom
    x, y = math.floor(x_of(place[1]) * side) % side, math.floor(_y_of(place[0]) * side)
    return TileId(zoom, x, min(max(y, 0), side - 1))


def _y_of(lat_deg: float) -> float:
    return y_of(min(max(lat_deg, -LIMIT_DEG), LIMIT_DEG))
