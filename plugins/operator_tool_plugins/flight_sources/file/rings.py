"""Polygons from files, checked: corners on the earth, enough of them, not around a pole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from operator_tool.api import FlightFormatError, GroundPolygon, Place

from .._payload import MAX_WAYPOINTS

_POLE_HINT = "Map tiles don't reach the poles: draw the area without them."


def ground_polygon(
    outer: Sequence[Place], *, place: str, holes: Sequence[Sequence[Place]] = (), margin_m: float = 0.0
) -> GroundPolygon:
    """Return the polygon with these rings of checked positions, closed or not.

    Raises ``FlightFormatError`` naming ``place`` when a ring has fewer than three corners, goes around a pole, or when
    there are more corners than a mission may have waypoints.
    """
    rings = [checked_ring(ring, place=place) for ring in (outer, *holes)]
    corners = sum(map(len, rings))
    if corners > MAX_WAYPOINTS:
        raise FlightFormatError(f"{place}: a polygon of {corners:,} corners, at most {MAX_WAYPOINTS:,}")
    return GroundPolygon(outer=rings[0], holes=tuple(rings[1:]), margin_m=margin_m, source=place)


def checked_ring(ring: Sequence[Place], *, place: str) -> tuple[Place, ...]:
    """Return the ring without what repeats its first corner at its end. Raises ``FlightFormatError`` at ``place``."""
    end = len(ring)
    while end > 1 and ring[end - 1] == ring[0]:
        end -= 1
    corners = tuple(ring[:end])
    if len(set(corners)) < 3:
        raise FlightFormatError(f"{place}: a polygon of {len(set(corners))} different corners, expected at least 3")
    turned_deg = sum(_short_way_deg(a[1], b[1]) for a, b in pairwise((*corners, corners[0])))
    if abs(turned_deg) > 180.0:
        raise FlightFormatError(f"{place}: this polygon goes around a pole", hint=_POLE_HINT)
    return corners


def _short_way_deg(from_deg: float, to_deg: float) -> float:
    way_deg = to_deg - from_deg
    return way_deg - 360.0 * round(way_deg / 360.0)
