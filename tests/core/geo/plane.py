"""Distances in the plane for the tests, written apart from the code: a segment and a rectangle."""

from __future__ import annotations

import math

Point = tuple[float, float]


def segment_to_rectangle(a: Point, b: Point, west: float, north: float, east: float, south: float) -> float:
    """Return the distance between a segment and a filled rectangle, y southwards; 0 where they meet."""
    corners = [(west, north), (east, north), (east, south), (west, south)]
    if west <= a[0] <= east and north <= a[1] <= south:
        return 0.0
    sides = list(zip(corners, corners[1:] + corners[:1], strict=True))
    if any(_cross_each_other(a, b, p, q) for p, q in sides):
        return 0.0
    return min(
        *(_point_to_segment(corner, a, b) for corner in corners),
        *(_point_to_segment(end, p, q) for end in (a, b) for p, q in sides),
    )


def _point_to_segment(p: Point, a: Point, b: Point) -> float:
    along = (b[0] - a[0], b[1] - a[1])
    squared = along[0] ** 2 + along[1] ** 2
    at = 0.0 if squared == 0.0 else ((p[0] - a[0]) * along[0] + (p[1] - a[1]) * along[1]) / squared
    at = min(1.0, max(0.0, at))
    return math.dist(p, (a[0] + at * along[0], a[1] + at * along[1]))


def _side(p: Point, q: Point, r: Point) -> float:
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])


def _cross_each_other(a: Point, b: Point, p: Point, q: Point) -> bool:
    return _side(a, b, p) * _side(a, b, q) < 0.0 and _side(p, q, a) * _side(p, q, b) < 0.0
