"""The part of the map that is drawn: the Mercator square by one scale, north up, as wide as the picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from operator_tool.geo.mercator import lat_deg_of, metres_per_unit, x_of, y_of

WIDTH = 1000.0
"""The width of every picture, in its own units."""
_LOWEST, _HIGHEST = 440.0, 760.0
_BORDER = 0.05
"""What is left free on each side, as a part of what is shown."""
_LEAST_M = 60.0
"""A single place is shown with so much ground around it."""
_REACH = 1.0
"""Home, fences and rally points are shown as far as they make the picture of the ground no more than twice as wide."""

Extent = tuple[float, float, float, float]
"""West, north, east, south in the Mercator square; ``east`` may exceed 1."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown. Places are given in the Mercator square, unwrapped as the route is."""

    west: float
    north: float
    scale: float
    """Units of the picture that one unit of the square is."""
    height: float
    width: float = WIDTH

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place in the picture of a place in the square."""
        return (x - self.west) * self.scale, (y - self.north) * self.scale

    def place(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        """Return the place in the picture, on whichever turn around the earth it is nearest to the middle."""
        x = x_of(lon_deg)
        middle = self.west + self.width / self.scale / 2.0
        return self.at(x + round(middle - x), y_of(lat_deg))

    def line(self, places: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return a line through latitudes and longitudes in the picture, each leg by the short way across 180°."""
        points: list[tuple[float, float]] = []
        last = self.west + self.width / self.scale / 2.0
        for lat_deg, lon_deg in places:
            x = x_of(lon_deg)
            last = x + round(last - x)
            points.append(self.at(last, y_of(lat_deg)))
        return points

    def holds(self, x: float, y: float, border: float = 0.0) -> bool:
        """Say whether a place of the picture is in it."""
        return -border <= x <= self.width + border and -border <= y <= self.height + border

    @property
    def middle_lat_deg(self) -> float:
        """The latitude in the middle of the picture."""
        return lat_deg_of(self.north + self.height / self.scale / 2.0)

    def per_metre(self, lat_deg: float) -> float:
        """Return how many units of the picture one metre is at a latitude."""
        return self.scale / metres_per_unit(max(-85.0, min(85.0, lat_deg)))[0]

    @property
    def turns(self) -> range:
        """The turns around the earth that are in the picture: a tile is drawn once on each."""
        return range(math.floor(self.west), math.floor(self.west + self.width / self.scale) + 1)


def frame_of(ground: Extent, besides: Sequence[Extent] = ()) -> Frame:
    """Return the frame that shows the ground, and of what lies besides all that is not too far off."""
    west, north, east, south = _at_least(ground)
    reach = max(east - west, south - north) * _REACH
    limits = (west - reach / 2, north - reach / 2, east + reach / 2, south + reach / 2)
    for one in besides:
        shift = round((west + east) / 2.0 - (one[0] + one[2]) / 2.0)
        other = (one[0] + shift, one[1], one[2] + shift, one[3])
        if other[0] >= limits[0] and other[1] >= limits[1] and other[2] <= limits[2] and other[3] <= limits[3]:
            west, north = min(west, other[0]), min(north, other[1])
            east, south = max(east, other[2]), max(south, other[3])
    wide, high = (east - west) * (1.0 + 2.0 * _BORDER), (south - north) * (1.0 + 2.0 * _BORDER)
    height = min(max(WIDTH * high / wide, _LOWEST), _HIGHEST)
    scale = min(WIDTH / wide, height / high)
    return Frame(
        west=(west + east) / 2.0 - WIDTH / scale / 2.0,
        north=(north + south) / 2.0 - height / scale / 2.0,
        scale=scale,
        height=height,
    )


def _at_least(ground: Extent) -> Extent:
    west, north, east, south = ground
    x_m, y_m = metres_per_unit(lat_deg_of(min(max((north + south) / 2.0, 0.0), 1.0)))
    wider, higher = max(0.0, _LEAST_M / x_m - (east - west)) / 2.0, max(0.0, _LEAST_M / y_m - (south - north)) / 2.0
    return west - wider, north - higher, east + wider, south + higher
