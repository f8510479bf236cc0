"""The ground that the tiles cover, as strokes and surfaces of the picture."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from operator_tool.geo.area import Ground
from operator_tool.geo.capsules import Capsule
from operator_tool.geo.rings import Polygon, Ring

from .frame import Frame
from .polyline import Line, Point, simplified_to

_MOST_POINTS = 12_000
_FLAT = 0.3
"""How far a rim may be from where it is, in units of the picture."""


class Stroke(msgspec.Struct, frozen=True):
    """A line as wide as the ground that is needed about it, with round ends and joins."""

    line: Line
    width: float


class GroundShape(msgspec.Struct, frozen=True, kw_only=True):
    """The union of strokes and surfaces; where there is a fence, what of it lies within."""

    strokes: tuple[Stroke, ...] = ()
    surfaces: tuple[tuple[Line, ...], ...] = ()
    """Each of rings, filled by the even-odd rule."""
    fence: tuple[tuple[Line, ...], ...] | None = None
    """Surfaces that the rest is cut to."""


def ground_shape(ground: Ground, frame: Frame) -> GroundShape:
    """Return the ground in the picture."""
    surfaces = list(_surfaces(ground.polygons, frame))
    for box in ground.boxes:
        (west, north), (east, south) = frame.at(box.west, box.north), frame.at(box.east, box.south)
        surfaces.append(([(west, north), (east, north), (east, south), (west, south), (west, north)],))
    return GroundShape(
        strokes=tuple(_strokes(ground.capsules(), frame)),
        surfaces=tuple(surfaces),
        fence=None if ground.fence is None else tuple(_surfaces(ground.fence, frame)),
    )


def _surfaces(polygons: Iterable[Polygon], frame: Frame) -> Iterable[tuple[Line, ...]]:
    for polygon in polygons:
        yield tuple(simplified_to(_closed(ring, frame), _FLAT, _MOST_POINTS) for ring in polygon)


def _closed(ring: Ring, frame: Frame) -> Line:
    line = [frame.at(x, y) for x, y in zip(ring.x, ring.y, strict=True)]
    return [*line, line[0]]


def _strokes(capsules: Iterable[Capsule], frame: Frame) -> list[Stroke]:
    """Return capsules that follow one another as one stroke, where they are as wide as one another."""
    chains: list[tuple[float, list[Point]]] = []
    circles: set[tuple[float, int, int]] = set()
    for capsule in capsules:
        width = _width(2.0 * capsule.reach_m / capsule.x_m * frame.scale)
        a, b = frame.at(capsule.a_x, capsule.a_y), frame.at(capsule.b_x, capsule.b_y)
        if a == b:
            # Of circles that can hardly be told apart one is drawn: a flight may have thousands.
            step = max(_FLAT, width * 0.01)
            circle = (width, round(a[0] / step), round(a[1] / step))
            if circle in circles:
                continue
            circles.add(circle)
        if chains and chains[-1][0] == width and chains[-1][1][-1] == a:
            chains[-1][1].append(b)
        else:
            chains.append((width, [a, b]))
    most = max(2, _MOST_POINTS // max(1, len(chains)))
    return [Stroke(simplified_to(line, max(_FLAT, width * 0.01), most), width) for width, line in chains]


def _width(width: float) -> float:
    """Return a width in steps, so that pieces of almost one width are one stroke."""
    step = 0.5 if width > 10.0 else 0.1
    return max(step, round(width / step) * step)
