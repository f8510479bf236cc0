"""A flight: where the drone will go."""

from __future__ import annotations

import enum

import msgspec

Place = tuple[float, float]
"""Latitude and longitude, degrees, WGS 84."""


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
    loiter_radius_m: float = 0.0
    """The drone circles the place at this distance; 0 where it doesn't."""
    objective: str | None = None
    source: str | None = None
    """Where in the file or payload it stands, such as ``mission.items[3]``."""


class TakeoffOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """The place that the drone's local frame starts at: the first waypoint, unrounded."""

    lat_deg: float
    lon_deg: float
    alt_m: float | None = None


class HomePosition(msgspec.Struct, frozen=True, kw_only=True):
    """Where the planner expects the drone to take off and to return to; not a waypoint."""

    lat_deg: float
    lon_deg: float
    amsl_m: float | None = None
    """Height of the ground there above mean sea level, where the source says so."""


class GroundPolygon(msgspec.Struct, frozen=True, kw_only=True):
    """A polygon on the ground. Its edges are straight on a Mercator map and take the short way across 180°.

    Whatever its rim goes around belongs to it, once or more often, where it crosses itself too.
    """

    outer: tuple[Place, ...]
    """At least three corners; the first is not repeated at the end."""
    holes: tuple[tuple[Place, ...], ...] = ()
    """What is left out of it, in the same way."""
    margin_m: float = 0.0
    """Metres beyond its rim that belong to it too, such as a survey's turn-arounds."""
    source: str | None = None
    """Where in the file it stands."""


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """A fence of the flight: a polygon, or a circle of ``radius_m`` about ``center``."""

    inclusion: bool
    """True: the drone stays inside of it; False: it keeps out."""
    polygon: tuple[Place, ...] = ()
    """At least three corners, the first not repeated; empty for a circle."""
    center: Place | None = None
    radius_m: float = 0.0
    source: str | None = None
    """Where in the file it stands."""


class RallyPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A place that the drone may divert to."""

    lat_deg: float
    lon_deg: float
    alt_m: float | None = None
    """Height above home."""


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """A camera that looks down: what its picture covers follows from its height."""

    name: str
    sensor_width_mm: float
    sensor_height_mm: float
    focal_length_mm: float
    image_width_px: int
    image_height_px: int


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Geometry of the source that is not taken for what is flown, such as a track beside a route.

    Where it lies outside of the planned ground, the plan warns of it by its name.
    """

    name: str
    """What it is and where it stands, such as ``the track 'Ridge' (line 12)``; for people."""
    places: tuple[Place, ...]
    is_line: bool = False
    """The places are joined by a line, and not single ones."""


class Flight(msgspec.Struct, frozen=True, kw_only=True):
    """A resolved flight: at least one waypoint, ordinals contiguous from 0, every coordinate finite and in range."""

    id: str
    name: str
    source: str
    """What gave it: ``file:survey.plan``, ``api:https://flights.example``. For people, never a path."""
    format: str = ""
    """How it was written, such as ``QGC .plan``; for people."""
    waypoints: tuple[Waypoint, ...]
    areas: tuple[GroundPolygon, ...] = ()
    """Ground that the drone flies over, anywhere in it: its lines there are not known."""
    home: HomePosition | None = None
    returns_home: bool = False
    """After the last waypoint the drone flies back home, or to the first waypoint where no home is known."""
    fences: tuple[Fence, ...] = ()
    rally_points: tuple[RallyPoint, ...] = ()
    camera: Camera | None = None
    """The camera that the flight was planned for."""
    left_out: tuple[LeftOut, ...] = ()
    """What else the source draws, and the flight doesn't follow."""
    notes: tuple[str, ...] = ()
    """What was left out or assumed while reading, one sentence each."""

    @property
    def takeoff_origin(self) -> TakeoffOrigin:
        """The first waypoint, unrounded."""
        first = self.waypoints[0]
        return TakeoffOrigin(lat_deg=first.lat_deg, lon_deg=first.lon_deg, alt_m=first.alt_m)
