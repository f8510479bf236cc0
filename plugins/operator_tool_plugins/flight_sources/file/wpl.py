"""QGC WPL 110, the text missions of Mission Planner, MAVProxy and old QGroundControl (.waypoints, .txt).

A header line, then one item a line: index, current, frame, command, four parameters, latitude, longitude, altitude,
autocontinue. Item 0 is the home position. https://mavlink.io/en/file_formats/#mission_plain_text_file
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from operator_tool.api import FlightFormatError, NoRouteError, Waypoint

from .._escaping import escaped
from .mavlink import MissionItem, Route, loiter_radius_m

_FIELDS = (
    "index", "current", "frame", "command", "param 1", "param 2", "param 3", "param 4",
    "latitude", "longitude", "altitude", "autocontinue",
)  # fmt: skip
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_KEEP = frozenset({"nan", "+nan", "-nan"})


def is_wpl(data: bytes) -> bool:
    """True when the first line that is neither blank nor a comment begins as a WPL header does."""
    return next((line.split()[:2] == ["QGC", "WPL"] for _, line in _lines(data[:4096])), False)


def read_wpl(data: bytes) -> tuple[tuple[Waypoint, ...], tuple[str, ...]]:
    """Return the route and the notes of a WPL 110 file. Raises ``FlightFormatError`` naming the line and the field."""
    lines = _lines(data)
    number, header = next(lines)
    if header.split() != ["QGC", "WPL", "110"]:
        raise FlightFormatError(f"line {number}: '{escaped(header.strip(), 40)}', expected 'QGC WPL 110'")
    route = Route()
    expected_index: int | None = None
    rows = 0
    for number, line in lines:
        index, item = _read_row(number, line)
        if expected_index is None and index == 1:
            route.note(f"line {number}: the first row is item 1, so the file has no home position.")
        elif index != (expected_index or 0):
            raise FlightFormatError(f"line {number}, field 1 (index): {index}, expected {expected_index or 0}")
        expected_index = index + 1
        if index == 0:
            but = "" if item.command == 16 else f", though its command is {item.command}"
            route.note(f"line {number}: row 0 is the home position, not a waypoint{but}; left out.")
            continue
        rows += 1
        route.add(item)
    if not rows:
        raise NoRouteError(
            f"line {number}: the file ends with the home position, no waypoint follows"
            if expected_index
            else f"line {number}: the file ends after its header, no waypoint follows"
        )
    return route.waypoints(f"up to line {number}: {rows} item{'s' * (rows != 1)} after home"), route.notes()


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the lines that are neither blank nor a comment, with their numbers from 1."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="replace", newline=None)
    for number, line in enumerate(text, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _read_row(number: int, line: str) -> tuple[int, MissionItem]:
    fields = line.split(maxsplit=len(_FIELDS))
    if len(fields) != len(_FIELDS):
        seen = "more than 12" if len(fields) > len(_FIELDS) else str(len(fields))
        raise FlightFormatError(f"line {number}: {seen} fields, expected 12")
    values = [_read_number(number, position, text) for position, text in enumerate(fields)]
    index, frame, command = (_whole(number, position, values[position]) for position in (0, 2, 3))
    item = MissionItem(
        place=f"line {number}",
        command=command,
        frame=frame,
        lat_deg=values[8],
        lon_deg=values[9],
        alt_m=values[10],
        loiter_radius_m=loiter_radius_m(command, values[4:8]),
        lat_place=_name(number, 8),
        lon_place=_name(number, 9),
        frame_place=_name(number, 2),
    )
    return index, item


def _name(number: int, position: int) -> str:
    return f"line {number}, field {position + 1} ({_FIELDS[position]})"


def _read_number(number: int, position: int, text: str) -> float | None:
    if 4 <= position <= 7 and text.lower() in _KEEP:
        return None
    if len(text) > 100 or not _NUMBER.fullmatch(text):
        raise FlightFormatError(f"{_name(number, position)}: '{escaped(text, 40)}', expected a number")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise FlightFormatError(f"{_name(number, position)}: '{escaped(text, 40)}' is beyond any number")
    return value


def _whole(number: int, position: int, value: float | None) -> int:
    if value is None or not value.is_integer():
        raise FlightFormatError(f"{_name(number, position)}: {value}, expected a whole number")
    return int(value)
