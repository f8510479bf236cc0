"""A flight: where the drone will go."""

from __future__ import annotations

import enum

import msgspec


class AltitudeFrame(enum.StrEnum):
    """What an altitude is measured from."""

    TAKEOFF = "takeoff"
    """Height above the takeoff point (MAVLink's relative frames)."""
    AMSL = "amsl"
    """Height above mean sea level."""
    TERRAIN = "terrain"
    """Height above the ground below."""
    UNKNOWN = "unknown"


class Waypoint(msgspec.Struct, frozen=True, kw_only=True):
    """One place of the route, WGS 84, unrounded as its source gave it."""

    ordinal: int
    lat_deg: float
    lon_deg: float
    alt_m: float | None = None
    alt_frame: AltitudeFrame = AltitudeFrame.UNKNOWN
    objective: str | None = None
    source: str | None = None
    """Where in the file or payload it stands, such as ``mission.items[3]``."""


class TakeoffOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """The place that the drone's local frame starts at: the first waypoint, unrounded."""

    lat_deg: float
    lon_deg: float
    alt_m: float | None = None


class Flight(msgspec.Struct, frozen=True, kw_only=True):
    """A resolved flight: at least one waypoint, ordinals contiguous from 0, every coordinate finite and in range."""

    id: str
    name: str
    source: str
    """What gave it: ``file:survey.plan``, ``api:https://flights.example``. For people, never a path."""
    waypoints: tuple[Waypoint, ...]
    notes: tuple[str, ...] = ()
    """What was left out or assumed while reading, one sentence each."""

    @property
    def takeoff_origin(self) -> TakeoffOrigin:
        """The first waypoint, unrounded."""
        first = self.waypoints[0]
        return TakeoffOrigin(lat_deg=first.lat_deg, lon_deg=first.lon_deg, alt_m=first.alt_m)
