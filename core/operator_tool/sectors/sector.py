"""A sector: an area of which an operator has said how fast its ground changes."""

from __future__ import annotations

import enum
from datetime import date

import msgspec

Bounds = tuple[float, float, float, float]
"""West, south, east, north, in degrees; west is greater than east across 180°."""
Ring = tuple[tuple[float, float], ...]
"""Longitude and latitude in degrees of each corner; the last one is the first one again."""
Polygon = tuple[Ring, ...]
"""The outer ring, and then its holes."""


class SectorKind(enum.StrEnum):
    """How fast the ground changes."""

    ACTIVE_CONFLICT = "active_conflict"
    """Imagery older than 6 months is refused."""
    STABLE_REAR = "stable_rear"
    """Imagery older than 12 months is kept, and marked as downgraded."""


class Sector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An area and its kind."""

    name: str
    kind: SectorKind
    bounds_deg: Bounds
    polygons_deg: tuple[Polygon, ...] = ()
    """The area itself, within the bounds; where there is none, the bounds are the area. No edge crosses 180°."""
    since: date | None = None
    """When this was said."""

    @property
    def ground_deg(self) -> tuple[Polygon, ...]:
        """The area as polygons, of which none crosses 180°."""
        if self.polygons_deg:
            return self.polygons_deg
        _, south, _, north = self.bounds_deg
        return tuple(
            (((start, south), (end, south), (end, north), (start, north), (start, south)),)
            for start, end in _spans(self.bounds_deg)
        )

    def touches(self, bounds_deg: Bounds) -> bool:
        """Say whether the sector's bounds have ground in common with these."""
        _, south, _, north = self.bounds_deg
        if bounds_deg[1] >= north or bounds_deg[3] <= south:
            return False
        return any(
            start < other_end and end > other_start
            for start, end in _spans(self.bounds_deg)
            for other_start, other_end in _spans(bounds_deg)
        )


def _spans(bounds_deg: Bounds) -> list[tuple[float, float]]:
    west, _, east, _ = bounds_deg
    spans = [(west, east)] if west < east else [(west, 180.0), (-180.0, east)]
    return [(start, end) for start, end in spans if start < end]
