"""A line beside another one, as planners draw it around a structure or along a corridor: corners stay sharp."""

from __future__ import annotations

import math
from collections.abc import Sequence

from operator_tool.api import Place

_METRES_PER_DEGREE = 111_195.0
"""On a sphere of 6,371 km, as QGroundControl reckons."""
_LONGEST_MITRE = 10.0
"""In offsets; where two edges turn back on each other the sharp corner would lie at infinity."""

_Point = tuple[float, float]


def offset_line(line: Sequence[Place], offset_m: float, *, closed: bool) -> list[Place]:
    """Return the line moved by ``offset_m`` to the right of its direction, corner by corner; not checked.

    Reckoned in the plane about its first place, which is exact to a thousandth for the kilometre or two of a scan.
    Doubled places must have been left out.
    """
    lat_0, lon_0 = line[0]
    metres_per_lon = _METRES_PER_DEGREE * math.cos(math.radians(lat_0))
    plane = [(_wrapped(lon - lon_0) * metres_per_lon, (lat - lat_0) * _METRES_PER_DEGREE) for lat, lon in line]
    count = len(plane)
    edges = [_direction(plane[i], plane[(i + 1) % count]) for i in range(count if closed else count - 1)]
    moved = []
    for i, (east_m, north_m) in enumerate(plane):
        before = edges[i - 1] if closed or i > 0 else edges[0]
        after = edges[i] if closed or i < count - 1 else edges[-1]
        to_east, to_north = _mitre(before, after)
        moved.append((east_m + to_east * offset_m, north_m + to_north * offset_m))
    return [
        (lat_0 + north_m / _METRES_PER_DEGREE, _wrapped(lon_0 + east_m / metres_per_lon)) for east_m, north_m in moved
    ]


def is_clockwise(ring: Sequence[Place]) -> bool:
    """True for a ring that has its inside on the right."""
    lon_0 = ring[0][1]
    turned = [(_wrapped(lon - lon_0), lat) for lat, lon in ring]
    doubled = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(turned, [*turned[1:], turned[0]], strict=True))
    return doubled < 0


def _direction(start: _Point, end: _Point) -> _Point:
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    return ((end[0] - start[0]) / length, (end[1] - start[1]) / length) if length else (0.0, 0.0)


def _mitre(before: _Point, after: _Point) -> _Point:
    """Return where the corner between two edges goes when both move by 1 to the right."""
    right_before, right_after = (before[1], -before[0]), (after[1], -after[0])
    cos_turn = before[0] * after[0] + before[1] * after[1]
    if 1.0 + cos_turn < 2.0 / _LONGEST_MITRE**2:
        return right_after
    long = 1.0 + cos_turn
    return (right_before[0] + right_after[0]) / long, (right_before[1] + right_after[1]) / long


def _wrapped(lon_deg: float) -> float:
    return lon_deg - 360.0 * math.floor((lon_deg + 180.0) / 360.0)
