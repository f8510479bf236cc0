"""What MAVLink's mission commands and frames mean for a route: which items are places that the drone goes to.

Numbers are MAV_CMD and MAV_FRAME of https://mavlink.io/en/messages/common.html.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from operator_tool.api import AltitudeFrame

GOES_TO = frozenset({16, 17, 18, 19, 21, 22, 31, 34, 35, 36, 82, 84, 85, 94, 31000, 31001, 31002, 31003, 31004})
"""Waypoint, the loiters, land, takeoff, loiter to altitude, orbit, figure eight, arc, spline, VTOL takeoff and land,
payload place, and the user-defined waypoints."""
RETURN_TO_LAUNCH = 20
NO_PLACE = frozenset(
    {20, 80, 81, 93, 112, 113, 114, 115, *range(176, 192), *range(193, 224), 530, 531, 532, 600, 601, 2000, 2001, 2500,
     2501, 3000}
)  # fmt: skip
"""Return to launch, delays, conditions, jumps, speed, the start of landing, servos, camera, VTOL transition, and the
regions of interest, which carry coordinates though the drone doesn't go there. Not noted one by one: they belong to
any mission."""
CURVED = {36: "arc", 82: "spline"}
"""The drone flies a curve to these; what lies between two places of a route is straight."""
LOITERS = frozenset({17, 18, 19, 31, 34, 35})
_RADIUS_PARAM = {17: 2, 18: 2, 19: 2, 31: 1, 34: 0, 35: 0}
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
SMALLEST_RADIUS_M = 1.0
"""What is no greater is a direction: ArduPilot's planners write 1 or -1, and the vehicle flies its own radius."""
MISSION_FRAME = 2
"""Says that an item has no position; QGroundControl 2 wrote it for a takeoff that has one."""


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

    @property
    def has_position(self) -> bool:
        """False where the item gives none, or 0, 0: both mean the current position."""
        return (self.lat_deg, self.lon_deg) not in ((None, None), (0.0, 0.0))


def loiter_radius_m(command: int, params: Sequence[float | None]) -> float | None:
    """Return the radius that the drone circles the item's position with, None where it doesn't or the file is mute."""
    position = _RADIUS_PARAM.get(command)
    return None if position is None else params[position]
