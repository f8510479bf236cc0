"""Whether two lines are one path, drawn coarsely and finely: what a planner clicked, and what it made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from operator_tool.api import Place

NEAR_M = 250.0
"""How far the clicked points may lie from the path: planners put them on the next road."""
_METRES_PER_DEGREE = 111_195.0
_STEPS = 4_000_000
"""Pairs of a point and a leg, some seconds: of longer lines nothing is told."""


def finer_of(coarse: Sequence[Place], lines: Sequence[Sequence[Place]]) -> int | None:
    """Return the number of the line that is the same path with more points; None where none of them is.

    It begins and ends where the coarse one does, and comes by all of its points.
    """
    fitting = [number for number, fine in enumerate(lines) if len(fine) > len(coarse) and _follows(fine, coarse)]
    return max(fitting, key=lambda number: len(lines[number]), default=None)


def _follows(fine: Sequence[Place], coarse: Sequence[Place]) -> bool:
    if len(fine) * len(coarse) > _STEPS:
        return False
    ends = ((coarse[0], fine[0]), (coarse[-1], fine[-1]))
    if any(_from_leg_m(one, other, other) > NEAR_M for one, other in ends):
        return False
    return all(any(_from_leg_m(point, a, b) <= NEAR_M for a, b in pairwise(fine)) for point in coarse)


def _from_leg_m(point: Place, a: Place, b: Place) -> float:
    """Return how far a place is from a leg, in the plane about the place."""
    ax, ay = _plane(point, a)
    bx, by = _plane(point, b)
    if min(abs(ay), abs(by)) > 1e5 and ay * by > 0:
        return min(abs(ay), abs(by))
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    t = 0.0 if squared == 0.0 else min(max(-(ax * dx + ay * dy) / squared, 0.0), 1.0)
    return math.hypot(ax + t * dx, ay + t * dy)


def _plane(origin: Place, place: Place) -> tuple[float, float]:
    east_deg = (place[1] - origin[1] + 180.0) % 360.0 - 180.0
    north_m = (place[0] - origin[0]) * _METRES_PER_DEGREE
    return east_deg * _METRES_PER_DEGREE * math.cos(math.radians(origin[0])), north_m
