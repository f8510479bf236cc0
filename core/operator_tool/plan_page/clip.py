"""What is far outside of the picture, cut off before it is drawn: a fence may be a continent, the picture a field."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .polyline import Line, Point

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def part_within(a: Point, b: Point, box: Box) -> tuple[float, float] | None:
    """Return from which to which fraction a segment is in the box, None where it isn't (Liang and Barsky)."""
    begin, end = 0.0, 1.0
    dx, dy = b[0] - a[0], b[1] - a[1]
    for slope, room in (
        (-dx, a[0] - box[0]),
        (dx, box[2] - a[0]),
        (-dy, a[1] - box[1]),
        (dy, box[3] - a[1]),
    ):
        if slope == 0.0:
            if room < 0.0:
                return None
            continue
        at = room / slope
        if slope < 0.0:
            begin = max(begin, at)
        else:
            end = min(end, at)
    return (begin, end) if begin <= end else None


def surface_within(ring: Sequence[Point], box: Box) -> Line:
    """Return a ring cut to the box (Sutherland and Hodgman): filled by the even-odd rule it covers the same of it."""
    left, top, right, bottom = box
    cut = _cut(list(ring), lambda point: point[0] - left)
    cut = _cut(cut, lambda point: right - point[0])
    cut = _cut(cut, lambda point: point[1] - top)
    return _cut(cut, lambda point: bottom - point[1])


def _cut(ring: Line, inside: Callable[[Point], float]) -> Line:
    """Return the part of a ring that is on one side of a line: where ``inside`` is not negative."""
    kept: Line = []
    for number, b in enumerate(ring):
        a = ring[number - 1]
        from_a, from_b = inside(a), inside(b)
        if (from_a < 0.0) != (from_b < 0.0):
            part = from_a / (from_a - from_b)
            kept.append((a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part))
        if from_b >= 0.0:
            kept.append(b)
    return kept
