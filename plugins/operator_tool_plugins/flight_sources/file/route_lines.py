"""The lines of a file, joined in its order into the one route."""

from __future__ import annotations

import msgspec

from operator_tool.api import AltitudeFrame, FlightFormatError, Place, Waypoint

from .._payload import MAX_WAYPOINTS
from .lon_lat import joined, joined_note

TOO_LONG_HINT = "Give only the part that will be flown, or let the planner simplify the line."


class _Point(msgspec.Struct, frozen=True, gc=False):
    lat_deg: float
    lon_deg: float
    alt_m: float | None
    alt_frame: AltitudeFrame
    source: str


class RouteLines:
    """Collects the points of one line after the other. A line without points counts for nothing."""

    def __init__(self) -> None:
        self._lines: list[list[_Point]] = [[]]
        self._points = 0

    def __len__(self) -> int:
        return self._points

    def begin(self) -> None:
        """Begin the next line."""
        if self._lines[-1]:
            self._lines.append([])

    def add(self, position: Place, alt_m: float | None, alt_frame: AltitudeFrame, *, place: str) -> None:
        """Add a checked position to the line. Raises ``FlightFormatError`` when there are more than a mission holds."""
        self.check_room(1, place=place)
        self._points += 1
        frame = AltitudeFrame.UNKNOWN if alt_m is None else alt_frame
        self._lines[-1].append(_Point(*position, alt_m, frame, place))

    def check_room(self, more: int, *, place: str) -> None:
        """Raise ``FlightFormatError`` when as many ``more`` points are too many."""
        if self._points + more > MAX_WAYPOINTS:
            raise FlightFormatError(f"{place}: more than {MAX_WAYPOINTS:,} waypoints", hint=TOO_LONG_HINT)

    def waypoints(self) -> tuple[Waypoint, ...]:
        """Return the route; a line that was cut at 180° has its point there once."""
        return tuple(
            Waypoint(
                ordinal=ordinal,
                lat_deg=point.lat_deg,
                lon_deg=point.lon_deg,
                alt_m=point.alt_m,
                alt_frame=point.alt_frame,
                source=point.source,
            )
            for ordinal, point in enumerate(joined(self._lines))
        )

    def notes(self) -> tuple[str, ...]:
        """Return the sentence about lines that were joined, where there is more than one."""
        return joined_note(sum(map(bool, self._lines)))
