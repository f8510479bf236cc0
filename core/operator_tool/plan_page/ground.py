"""The ground that the tiles cover, as strokes and surfaces of the picture."""

from __future__ import annotations

import msgspec

from operator_tool.geo.area import Area, Box, Capsule

from .frame import Frame
from .polyline import Line, Point, simplified_to

_MOST_POINTS = 12_000


class Stroke(msgspec.Struct, frozen=True):
    """A line as wide as the ground that is needed about it, with round ends and joins."""

    line: Line
    width: float


class GroundShape(msgspec.Struct, frozen=True, kw_only=True):
    """The union of strokes and surfaces; where there is a fence, what of it lies within."""

    strokes: tuple[Stroke, ...] = ()
    surfaces: tuple[tuple[Line, ...], ...] = ()
    """Each of rings, filled by the even-odd rule."""


def ground_shape(area: Area, frame: Frame) -> GroundShape:
    """Return the ground in the picture."""
    if isinstance(area, Box):
        west, north = frame.at(area.west, area.north)
        east, south = frame.at(area.east, area.south)
        return GroundShape(surfaces=(([(west, north), (east, north), (east, south), (west, south)],),))
    return GroundShape(strokes=tuple(_strokes([area.capsule(piece) for piece in range(area.route.pieces)], frame)))


def _strokes(capsules: list[Capsule], frame: Frame) -> list[Stroke]:
    """Return capsules that follow one another as one stroke, where they are as wide as one another."""
    chains: list[tuple[float, list[Point]]] = []
    for capsule in capsules:
        width = _width(2.0 * capsule.reach_m / capsule.x_m * frame.scale)
        a, b = frame.at(capsule.a_x, capsule.a_y), frame.at(capsule.b_x, capsule.b_y)
        if chains and chains[-1][0] == width and chains[-1][1][-1] == a:
            chains[-1][1].append(b)
        else:
            chains.append((width, [a, b]))
    most = max(2, _MOST_POINTS // max(1, len(chains)))
    return [Stroke(simplified_to(line, max(0.4, width * 0.01), most), width) for width, line in chains]


def _width(width: float) -> float:
    """Return a width in steps, so that pieces of almost one width are one stroke."""
    step = 0.5 if width > 10.0 else 0.1
    return max(step, round(width / step) * step)
