"""What a reader found in a file: all of a flight but whose it is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from operator_tool.api import (
    Camera,
    Fence,
    FlightFormatError,
    GroundPolygon,
    HomePosition,
    LeftOut,
    Place,
    RallyPoint,
    Waypoint,
)

from .._payload import MAX_WAYPOINTS


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the readers give; the fields are those of ``Flight``."""

    format: str
    """Such as ``QGC WPL 110``."""
    waypoints: tuple[Waypoint, ...]
    areas: tuple[GroundPolygon, ...] = ()
    home: HomePosition | None = None
    returns_home: bool = False
    fences: tuple[Fence, ...] = ()
    rally_points: tuple[RallyPoint, ...] = ()
    camera: Camera | None = None
    name: str | None = None
    """The name that the file gives itself, escaped; None: the file's own name stands for it."""
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


def as_left_out(found: Found, name: str) -> tuple[LeftOut, ...]:
    """Return what a reader found as something that is not flown."""
    line = tuple((waypoint.lat_deg, waypoint.lon_deg) for waypoint in found.waypoints)
    rims = [
        LeftOut(name=f"an area of {name}", places=(*area.outer, area.outer[0]), is_line=True)
        for area in found.areas
        if area.outer[0] not in line
    ]
    return (LeftOut(name=f"the line of {name}", places=line, is_line=True), *rims)


def rim_waypoints(areas: Sequence[GroundPolygon]) -> tuple[Waypoint, ...]:
    """Return waypoints along the rims of areas, each rim closed, for a file that has areas and no line.

    Raises ``FlightFormatError`` when they are more than a mission may have.
    """
    corners = sum(len(area.outer) + 1 for area in areas)
    if corners > MAX_WAYPOINTS:
        raise FlightFormatError(f"rims of {corners:,} corners in {len(areas):,} polygons, at most {MAX_WAYPOINTS:,}")
    places: list[tuple[Place, str | None]] = []
    for area in areas:
        places += [(corner, area.source) for corner in (*area.outer, area.outer[0])]
    return tuple(
        Waypoint(ordinal=ordinal, lat_deg=lat_deg, lon_deg=lon_deg, source=source)
        for ordinal, ((lat_deg, lon_deg), source) in enumerate(places)
    )
