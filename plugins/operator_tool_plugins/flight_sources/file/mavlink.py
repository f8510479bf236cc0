"""What MAVLink's mission commands and frames mean for a route: which items are places that the drone goes to.

Numbers are MAV_CMD and MAV_FRAME of https://mavlink.io/en/messages/common.html.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from operator_tool.api import AltitudeFrame, FlightFormatError, NoRouteError, Waypoint

from .._payload import MAX_WAYPOINTS
from .._position import check_position

GOES_TO = frozenset({16, 17, 18, 19, 21, 22, 31, 34, 36, 82, 84, 85, 94, 31000, 31001, 31002, 31003, 31004})
"""Waypoint, the loiters, land, takeoff, loiter to altitude, orbit, arc, spline, VTOL takeoff and land, payload place,
and the user-defined waypoints."""
NO_PLACE = frozenset({20, 80, 177, 178, 179, 189, 195, 196, 197, 201, 206, 530, 600, 601})
"""Return to launch, jumps, speed, the start of landing, camera, and the regions of interest, which carry coordinates
though the drone doesn't go there. Not noted one by one: they belong to any mission."""
_RADIUS_PARAM = {17: 2, 18: 2, 19: 2, 31: 1, 34: 0}
"""Which parameter, counted from 0, is the radius of a command that circles its position."""

FRAMES = {
    0: AltitudeFrame.AMSL,
    5: AltitudeFrame.AMSL,
    3: AltitudeFrame.TAKEOFF,
    6: AltitudeFrame.TAKEOFF,
    10: AltitudeFrame.TERRAIN,
    11: AltitudeFrame.TERRAIN,
}
"""The global frames; in all others the coordinates are not degrees."""

_WIDE_LOITER_M = 100.0
_MAX_NOTES = 20


class MissionItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item as a file gives it; None stands for MAVLink's NaN, "keep what is"."""

    place: str
    """Where in the file it stands; ``lat_place`` and the others name its numbers there."""
    command: int
    frame: int
    lat_deg: float | None
    lon_deg: float | None
    alt_m: float | None
    alt_frame: AltitudeFrame | None = None
    """What the altitude is measured from where the file says so itself; else the frame decides."""
    loiter_radius_m: float | None = None
    lat_place: str
    lon_place: str
    frame_place: str


def loiter_radius_m(command: int, params: Sequence[float | None]) -> float | None:
    """Return the radius that the drone circles the item's position with, None where it doesn't or the file is mute."""
    position = _RADIUS_PARAM.get(command)
    return None if position is None else params[position]


class Route:
    """Collects the places among a mission's items, and notes what was left out."""

    def __init__(self) -> None:
        self._waypoints: list[Waypoint] = []
        self._notes: list[str] = []
        self._more_notes = 0
        self._unknown: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._waypoints)

    def add(self, item: MissionItem) -> None:
        """Take the item when it is a place. Raises ``FlightFormatError`` when it is one that can't be on a map."""
        if item.command not in GOES_TO:
            if item.command not in NO_PLACE:
                self._unknown[item.command] += 1
            return
        if item.lat_deg is None and item.lon_deg is None:
            self.note(f"{item.place}: command {item.command} without a position means the current one; left out.")
            return
        if item.lat_deg is None or item.lon_deg is None:
            place, name = (item.lat_place, "latitude") if item.lat_deg is None else (item.lon_place, "longitude")
            raise FlightFormatError(f"{place}: {name} missing where the other of the two is given")
        if item.lat_deg == 0 and item.lon_deg == 0:
            self.note(f"{item.place}: command {item.command} at 0, 0 means the current position; left out.")
            return
        if item.frame not in FRAMES:
            expected = ", ".join(map(str, sorted(FRAMES)))
            raise FlightFormatError(f"{item.frame_place}: frame {item.frame}, expected a global one ({expected})")
        check_position(item.lat_deg, item.lon_deg, lat_place=item.lat_place, lon_place=item.lon_place)
        self.add_place(item.place, item.lat_deg, item.lon_deg, item.alt_m, item.alt_frame or FRAMES[item.frame])
        radius_m = abs(item.loiter_radius_m or 0.0)
        if radius_m >= _WIDE_LOITER_M:
            self.note(f"{item.place}: circles {radius_m:g} m around this point; the route holds the point alone.")

    def add_place(
        self, place: str, lat_deg: float, lon_deg: float, alt_m: float | None, alt_frame: AltitudeFrame
    ) -> None:
        """Take a position that was checked."""
        if len(self._waypoints) == MAX_WAYPOINTS:
            raise FlightFormatError(f"{place}: more than {MAX_WAYPOINTS:,} waypoints")
        self._waypoints.append(
            Waypoint(
                ordinal=len(self._waypoints),
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                alt_m=alt_m,
                alt_frame=AltitudeFrame.UNKNOWN if alt_m is None else alt_frame,
                source=place,
            )
        )

    def note(self, sentence: str) -> None:
        """Remember what was left out or assumed."""
        if len(self._notes) < _MAX_NOTES:
            self._notes.append(sentence)
        else:
            self._more_notes += 1

    def waypoints(self, listed: str) -> tuple[Waypoint, ...]:
        """Return the places in order. Raises ``NoRouteError`` with ``listed``, which names the list and its length."""
        if not self._waypoints:
            raise NoRouteError(f"{listed}, none of them a place")
        return tuple(self._waypoints)

    def notes(self) -> tuple[str, ...]:
        """Return the notes, the first twenty and how many more."""
        notes = list(self._notes)
        if self._more_notes:
            notes.append(f"{self._more_notes} more notes of this kind.")
        if self._unknown:
            commands = ", ".join(f"{command} ({count}×)" for command, count in sorted(self._unknown.items())[:10])
            notes.append(f"Commands that are not known as places, left out: {commands}.")
        return tuple(notes)
