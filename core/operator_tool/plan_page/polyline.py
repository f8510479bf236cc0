"""Lines made as short as the picture can show, in one pass, so that a route of any length costs its length."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]
Line = list[Point]


def simplified(line: Sequence[Point], tolerance: float) -> Line:
    """Return a line that leaves the given one by no more than about ``tolerance``; its ends stay.

    From the last point that was kept, points are passed over as long as one straight line goes by all of them within
    the tolerance and none turns back (Zhao and Saalfeld's sleeve).
    """
    if len(line) < 3:
        return list(line)
    kept = [line[0]]
    anchor, last = line[0], line[0]
    low, high, farthest = -math.inf, math.inf, 0.0
    base = 0.0
    for point in line[1:]:
        dx, dy = point[0] - anchor[0], point[1] - anchor[1]
        distance = math.hypot(dx, dy)
        if distance <= tolerance and farthest <= tolerance:
            last = point
            continue
        if farthest <= tolerance:
            base = math.atan2(dy, dx)
        angle = _turned(math.atan2(dy, dx) - base)
        if distance < farthest - tolerance or not low <= angle <= high:
            kept.append(last)
            anchor = last
            dx, dy = point[0] - anchor[0], point[1] - anchor[1]
            distance = math.hypot(dx, dy)
            low, high, farthest, base, angle = -math.inf, math.inf, 0.0, math.atan2(dy, dx), 0.0
        if distance > tolerance:
            width = math.asin(min(1.0, tolerance / distance))
            low, high = max(low, angle - width), min(high, angle + width)
        farthest = max(farthest, distance)
        last = point
    kept.append(line[-1])
    return kept


def simplified_to(line: Sequence[Point], tolerance: float, most: int) -> Line:
    """Return a simplified line of at most about ``most`` points: a scribble that is denser than that is a scribble."""
    shown = simplified(line, tolerance)
    while len(shown) > most:
        tolerance *= 2.0
        shown = simplified(shown, tolerance)
    return shown


def _turned(angle: float) -> float:
    return (angle + math.pi) % math.tau - math.pi
