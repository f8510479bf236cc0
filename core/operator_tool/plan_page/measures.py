"""What tells how large and where: the scale bar, and the lines of latitude and longitude."""

from __future__ import annotations

import math

import msgspec

from operator_tool.geo.mercator import lat_deg_of, lon_deg_of, x_of, y_of

from .frame import Frame

_LONGEST_BAR = 210.0
_LINES_APART = 180.0


class ScaleBar(msgspec.Struct, frozen=True):
    """A length on the ground, and how long it is in the middle of the picture."""

    length: float
    text: str
    left: float = 16.0
    """Where it begins."""


class GridLine(msgspec.Struct, frozen=True):
    """A meridian (at an x) or a parallel (at a y), and what it is."""

    at: float
    text: str


def scale_bar(frame: Frame) -> ScaleBar:
    """Return the longest round length that is no longer than a fifth of the picture."""
    lat_deg = frame.middle_lat_deg
    most_m = _LONGEST_BAR / frame.per_metre(lat_deg)
    power = 10.0 ** math.floor(math.log10(most_m))
    metres = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= most_m)
    text = f"{metres / 1000:,.10g} km" if metres >= 1000 else f"{metres:g} m"
    north, south = lat_deg_of(max(0.0, frame.north)), lat_deg_of(min(1.0, frame.north + frame.height / frame.scale))
    if abs(frame.per_metre(north) / frame.per_metre(south) - 1.0) > 0.05:
        text += f" at {abs(lat_deg):.0f}°{'N' if lat_deg >= 0 else 'S'}"
    return ScaleBar(metres * frame.per_metre(lat_deg), text)


def meridians(frame: Frame) -> list[GridLine]:
    """Return the meridians to be drawn, west to east."""
    step = _step(frame.width / frame.scale * 360.0, frame.width)
    first = math.ceil((frame.west - 0.5) * 360.0 / step)
    last = math.floor((frame.west + frame.width / frame.scale - 0.5) * 360.0 / step)
    lines = []
    for number in range(first, last + 1):
        x = x_of(number * step)
        lon_deg = lon_deg_of(x)
        lines.append(GridLine(frame.at(x, 0.0)[0], _degrees(lon_deg, step, "EW")))
    return lines


def parallels(frame: Frame) -> list[GridLine]:
    """Return the parallels to be drawn, south to north."""
    north, south = lat_deg_of(frame.north), lat_deg_of(frame.north + frame.height / frame.scale)
    step = _step(north - south, frame.height)
    degrees = (number * step for number in range(math.ceil(south / step), math.floor(north / step) + 1))
    return [GridLine(frame.at(0.0, y_of(one))[1], _degrees(one, step, "NS")) for one in degrees if abs(one) < 85.06]


def _step(degrees: float, length: float) -> float:
    """Return the round number of degrees between two lines that are not too near to one another."""
    least = degrees * _LINES_APART / length
    for step in (45.0, 30.0, 15.0, 10.0):
        if step / 1.5 < least <= step:
            return step
    power = 10.0 ** math.floor(math.log10(least))
    return min(90.0, next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= least))


def _degrees(degrees: float, step: float, sides: str) -> str:
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    text = f"{abs(degrees):.{decimals}f}°"
    if float(text[:-1]) in (0.0, 180.0):
        return text
    return text + sides[0 if degrees > 0 else 1]
