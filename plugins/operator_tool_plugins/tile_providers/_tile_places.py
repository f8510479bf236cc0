"""Where a local collection's tiles lie by their names, and what that says: of its rows, its projection, its extent.

Names are compared with what the collection announces, and with what tiles of the whole world look like. Nothing is
decided by a guess: what doesn't fit is asked, by a setting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""


class ZoomPlaces(msgspec.Struct, frozen=True):
    """The tiles of one zoom: the smallest box of columns and rows that holds them, rows counted from the north."""

    z: int
    min_x: int
    max_x: int
    min_y: int
    max_y: int

    @property
    def mirrored(self) -> ZoomPlaces:
        """The same with its rows counted from the other side."""
        last = (1 << self.z) - 1
        return ZoomPlaces(self.z, self.min_x, self.max_x, last - self.max_y, last - self.min_y)

    @property
    def box_deg(self) -> Box:
        """The ground in Web Mercator."""
        side = 1 << self.z
        west, east = (x / side * 360.0 - 180.0 for x in (self.min_x, self.max_x + 1))
        return west, _lat_deg((self.max_y + 1) / side), east, _lat_deg(self.min_y / side)

    @property
    def geodetic_boxes_deg(self) -> tuple[Box, ...]:
        """The ground if these were tiles in degrees: one tile or two for the whole world at zoom 0."""
        last = (1 << self.z) - 1
        boxes = []
        for tile_deg in (360.0 / (1 << self.z), 180.0 / (1 << self.z)):
            # Rows count from the south edge, whichever way they are written: as gdal2tiles and TMS do it.
            rows = [(last - self.max_y, last - self.min_y), (self.min_y, self.max_y)]
            boxes += [
                (
                    self.min_x * tile_deg - 180.0,
                    low * tile_deg - 90.0,
                    (self.max_x + 1) * tile_deg - 180.0,
                    (high + 1) * tile_deg - 90.0,
                )
                for low, high in rows
            ]
        return tuple(boxes)


def ground_deg(places: Sequence[ZoomPlaces]) -> Box | None:
    """Return the ground of all zooms together; None where there is none, or some of it is no Web Mercator."""
    if not places or any(is_beyond(one) for one in places):
        return None
    boxes = [one.box_deg for one in places]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def no_mercator(places: Sequence[ZoomPlaces]) -> str | None:
    """Return by what tiles show that they can hardly be in Web Mercator; None where they may be.

    What gdal2tiles leaves of other profiles: columns or rows that there are none of; a world of which one half is
    empty, as degrees have it; and a picture that begins in a corner of the world at every zoom.
    """
    for one in places:
        if is_beyond(one):
            columns = f"columns {one.min_x} to {one.max_x}, rows {one.min_y} to {one.max_y}"
            return f"has tiles at zoom {one.z} that there are none of in Web Mercator ({columns})"
    for one in places:
        half = 1 << one.z >> 1
        goes_round = one.z >= 2 and (one.min_x, one.max_x) == (0, 2 * half - 1)
        if goes_round and (one.min_y >= half or one.max_y < half):
            side = "lower" if one.min_y >= half else "upper"
            return (
                f"has tiles at zoom {one.z} that go round the world, in its {side} half alone, as those in degrees do"
            )
    deep = [one for one in places if one.z >= 3]
    if len(deep) > 1 and all(_is_in_a_corner(one) for one in deep):
        return (
            f"has tiles that begin in a corner of the world at every zoom from {deep[0].z} on, as those of a picture do"
        )
    return None


def is_beyond(one: ZoomPlaces) -> bool:
    """Say whether some of the tiles are none of the web maps."""
    return min(one.min_x, one.min_y) < 0 or max(one.max_x, one.max_y) >= 1 << one.z


def fits(places: Sequence[ZoomPlaces], announced: Box | None) -> tuple[bool, bool, bool]:
    """Return whether the finest tiles lie where they are announced: as they are read, mirrored, and as degrees.

    All false where nothing is announced.
    """
    if announced is None or not places:
        return False, False, False
    one = max(places, key=lambda place: place.z)
    return (
        not is_beyond(one) and _touch(one.box_deg, announced),
        not is_beyond(one.mirrored) and _touch(one.mirrored.box_deg, announced),
        any(_touch(box, announced) for box in one.geodetic_boxes_deg),
    )


def outside_of(places: Sequence[ZoomPlaces], announced: Box | None) -> bool:
    """Say whether some of the finest tiles lie outside of what is announced altogether."""
    if announced is None or not places or announced[0] > announced[2]:
        return False
    one = max(places, key=lambda place: place.z)
    side = 1 << one.z
    west, east = (int((lon_deg + 180.0) / 360.0 * side) for lon_deg in (announced[0], announced[2]))
    north, south = (int(_fraction(lat_deg) * side) for lat_deg in (announced[3], announced[1]))
    return one.min_x < west or one.max_x > east or one.min_y < north or one.max_y > south


def box_of_text(text: str) -> Box | None:
    """Return the box that a text announces, ``west,south,east,north``; None where it makes no sense."""
    try:
        west, south, east, north = (float(part) for part in text.strip("[] ").split(","))
    except ValueError:
        return None
    return checked_box((west, south, east, north))


def checked_box(box: Box) -> Box | None:
    """Return a box that makes sense, None for another."""
    west, south, east, north = box
    sane = -180 <= west <= 180 and -180 <= east <= 180 and west != east and -90 <= south < north <= 90
    return box if sane else None


def _lat_deg(fraction: float) -> float:
    """Return the latitude of a row's edge, by its part of the way from the north."""
    return math.degrees(math.atan(math.sinh(math.pi * (1.0 - 2.0 * fraction))))


def _fraction(lat_deg: float) -> float:
    """Return a latitude's part of the way from the north, within the square of the web maps."""
    lat = math.radians(min(max(lat_deg, -85.05112877), 85.05112877))
    return (1.0 - math.asinh(math.tan(lat)) / math.pi) / 2.0


def _is_in_a_corner(one: ZoomPlaces) -> bool:
    last = (1 << one.z) - 1
    return (
        one.min_x == 0 and one.max_x < last and (one.max_y == last or one.min_y == 0) and one.max_y - one.min_y < last
    )


def _touch(one: Box, other: Box) -> bool:
    if one[1] >= other[3] or one[3] <= other[1]:
        return False
    if other[0] <= other[2]:
        return one[0] < other[2] and one[2] > other[0]
    return one[0] < other[2] or one[2] > other[0]
