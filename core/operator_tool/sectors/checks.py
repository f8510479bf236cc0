"""What makes a sector one: a name that can be told, bounds and polygons that lie on the earth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from .sector import Bounds, Polygon, Ring, Sector, SectorKind

MAX_SECTORS = 1_000
MAX_CORNERS = 10_000
_LONGEST_NAME = 64

Failure = Callable[[str], Exception]
"""Makes the exception from what is wrong."""


def check_sector(sector: Sector, failure: Failure) -> None:
    """Raise the failure unless this is a sector."""
    check_name(sector.name, failure)
    check_bounds(sector.bounds_deg, failure)
    if sector.polygons_deg:
        check_polygons(sector.polygons_deg, failure)


def check_name(name: str, failure: Failure) -> None:
    """Raise the failure unless this can name a sector: a short line of text, and no kind's name."""
    if not (0 < len(name) <= _LONGEST_NAME and name.isprintable() and name == name.strip()):
        raise failure(f"{name[:_LONGEST_NAME]!r} can't name a sector: one line of at most {_LONGEST_NAME} characters")
    if name in tuple(SectorKind):
        raise failure(f"{name!r} is a kind of sector, and so no name for one")


def check_bounds(bounds_deg: Bounds, failure: Failure) -> None:
    """Raise the failure unless these are bounds on the earth: ``not (nan > 90)`` is true, so that it is asked so."""
    west, south, east, north = bounds_deg
    if not (-180 <= west <= 180 and -180 <= east <= 180 and west != east and -90 <= south < north <= 90):
        raise failure(f"{bounds_deg} are not bounds in degrees: west, south, east, north")


def check_polygons(polygons: Sequence[Polygon], failure: Failure) -> None:
    """Raise the failure unless these are polygons on the earth, none across 180°, of not too many corners."""
    if not polygons or not all(polygons):
        raise failure("there is no polygon")
    if sum(len(ring) for polygon in polygons for ring in polygon) > MAX_CORNERS:
        raise failure(f"more than {MAX_CORNERS:,} corners")
    for number, polygon in enumerate(polygons):
        for at, ring in enumerate(polygon):
            if problem := _problem(ring):
                raise failure(f"polygon {number}, ring {at}: {problem}")


def _problem(ring: Ring) -> str:
    if len(ring) < 4:
        return f"{len(ring)} corners"
    for at, (lon_deg, lat_deg) in enumerate(ring):
        if not (-180 <= lon_deg <= 180 and -90 <= lat_deg <= 90):
            return f"corner {at}, {lon_deg!r} {lat_deg!r}, is not longitude and latitude in degrees"
    if ring[0] != ring[-1]:
        return "the last corner is not the first one again"
    for at, (start, end) in enumerate(pairwise(ring)):
        # From edge to edge of the map is the whole earth around; anything else that long was meant the short way.
        if 180 < abs(end[0] - start[0]) < 360:
            return f"from corner {at} to the next it crosses 180°"
    area = sum(start[0] * end[1] - end[0] * start[1] for start, end in pairwise(ring))
    return "" if area else "it has no area"
