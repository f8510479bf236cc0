"""Positions of the formats that write the longitude first, and lines that cross 180°."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from operator_tool.api import FlightFormatError, Place

from .._position import check_position

SWAPPED_HINT = "Longitude and latitude look swapped: this format wants the longitude first. Save the file again."
_BEYOND_180_DEG = 540.0
"""How far a line may run on past 180°: once more around the earth."""


class LonLat:
    """Checks positions, and counts those that were written beyond 180° and taken back by whole turns."""

    def __init__(self) -> None:
        self._folded = 0

    def place(self, lon_deg: float, lat_deg: float, *, lon_place: str, lat_place: str) -> Place:
        """Return latitude and longitude. Raises ``FlightFormatError`` naming the place of what is out of range."""
        beyond = 180.0 < abs(lon_deg) <= _BEYOND_180_DEG and -90.0 <= lat_deg <= 90.0
        if beyond:
            self._folded += 1
            lon_deg -= 360.0 * round(lon_deg / 360.0)
        try:
            check_position(lat_deg, lon_deg, lat_place=lat_place, lon_place=lon_place)
        except FlightFormatError as error:
            swapped = 90.0 < abs(lat_deg) <= 180.0 and abs(lon_deg) <= 90.0
            raise FlightFormatError(error.message, hint=SWAPPED_HINT if swapped else None) from None
        return lat_deg, lon_deg

    def notes(self) -> tuple[str, ...]:
        """Return the sentence about what was taken back, where something was."""
        if not self._folded:
            return ()
        positions = "1 position is" if self._folded == 1 else f"{self._folded:,} positions are"
        return (f"{positions} written beyond 180° of longitude, and taken back by 360°.",)


class _Positioned(Protocol):
    @property
    def lat_deg(self) -> float: ...
    @property
    def lon_deg(self) -> float: ...


_Point = TypeVar("_Point", bound=_Positioned)


def joined(lines: Sequence[Sequence[_Point]]) -> list[_Point]:
    """Return one line through all of them, in order; where one was cut at 180°, its point there stands once."""
    points: list[_Point] = []
    for line in lines:
        cut = bool(points) and bool(line) and _are_one_place_at_180(points[-1], line[0])
        points.extend(line[1:] if cut else line)
    return points


def joined_note(lines: int) -> tuple[str, ...]:
    """Return the sentence about lines that were joined, where there is more than one."""
    return (f"{lines:,} lines, joined in the file's order.",) if lines > 1 else ()


def _are_one_place_at_180(one: _Positioned, other: _Positioned) -> bool:
    return one.lat_deg == other.lat_deg and abs(one.lon_deg) == 180.0 and one.lon_deg == -other.lon_deg
