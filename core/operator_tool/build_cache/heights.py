"""How high above the ground a flight is, as far as its altitudes tell: what they don't tell is said, never guessed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from operator_tool.api.flight import AltitudeFrame, Flight, Waypoint

COUNTED_FROM = 0.25
"""Waypoints lower than this part of the greatest height don't count: takeoff and landing are not where the drone
navigates by its map."""

_LEVEL = (
    "The altitudes are heights above the takeoff point: the ground is taken as level with it; where it isn't, give "
    "the height with --height."
)


class Heights(msgspec.Struct, frozen=True, kw_only=True):
    """The heights above the ground that count, and the latitudes that they are at."""

    places: tuple[tuple[float, float], ...] = ()
    """Latitude in degrees and height in metres; empty where no height is known."""
    notes: tuple[str, ...] = ()
    """What was assumed, and what is unknown and why."""

    @property
    def range_m(self) -> tuple[float, float] | None:
        """The lowest and the greatest one."""
        heights = [height_m for _, height_m in self.places]
        return (min(heights), max(heights)) if heights else None


def heights_of(flight: Flight, height_m: float | None = None) -> Heights:
    """Return the flight's heights above the ground, or ``height_m`` everywhere where that is given.

    An altitude above the takeoff point is one above the ground, which is taken as level; an altitude above mean sea
    level becomes one by that of the ground at home; without it, it is unknown.
    """
    waypoints = flight.waypoints
    if height_m is not None:
        return Heights(places=tuple((waypoint.lat_deg, height_m) for waypoint in waypoints))
    # Planners write 0 where they don't know how high home lies.
    ground_m = (flight.home.amsl_m or None) if flight.home is not None else None
    known = [(waypoint, height) for waypoint in waypoints if (height := _height_m(waypoint, ground_m)) is not None]
    notes = _unknown(waypoints, len(known), ground_m)
    greatest_m = max((height for _, height in known), default=0.0)
    if greatest_m <= 0.0:
        return Heights(notes=(*notes, "No waypoint is higher than the ground.") if known else notes)
    counted = [(waypoint, height) for waypoint, height in known if height >= COUNTED_FROM * greatest_m]
    frames = {waypoint.alt_frame for waypoint, _ in counted}
    if AltitudeFrame.TAKEOFF in frames:
        notes += (_LEVEL,)
    if AltitudeFrame.AMSL in frames:
        notes += (f"The altitudes are above mean sea level: the ground is taken as {ground_m:g} m high, as at home.",)
    return Heights(places=tuple((waypoint.lat_deg, height) for waypoint, height in counted), notes=notes)


def _height_m(waypoint: Waypoint, ground_m: float | None) -> float | None:
    alt_m = waypoint.alt_m
    if alt_m is None or not math.isfinite(alt_m):
        return None
    if waypoint.alt_frame in (AltitudeFrame.TAKEOFF, AltitudeFrame.TERRAIN):
        return alt_m
    if waypoint.alt_frame is AltitudeFrame.AMSL and ground_m is not None and math.isfinite(ground_m):
        return alt_m - ground_m
    return None


def _unknown(waypoints: Sequence[Waypoint], known: int, ground_m: float | None) -> tuple[str, ...]:
    """Return the words for the waypoints whose height above the ground is not known."""
    if known == len(waypoints):
        return ()
    how_many = (
        "No waypoint's height above the ground is"
        if not known
        else (f"The height above the ground of {len(waypoints) - known:,} of {len(waypoints):,} waypoints is not")
    )
    with_altitude = {waypoint.alt_frame for waypoint in waypoints if waypoint.alt_m is not None}
    if not with_altitude:
        why = "they have no altitude"
    elif AltitudeFrame.AMSL in with_altitude and ground_m is None:
        why = "altitudes are above mean sea level, and how high the ground lies is not said"
    elif AltitudeFrame.UNKNOWN in with_altitude:
        why = "what altitudes are measured from is not said"
    else:
        why = "some have no altitude"
    return (f"{how_many} known: {why}.",)
