"""QGC WPL, the text missions of Mission Planner, MAVProxy and old QGroundControl (.waypoints, .txt).

A header line with the version, then one item a line. In version 110 item 0 is the home position; 120, of an older
QGroundControl, has none. https://mavlink.io/en/file_formats/#mission_plain_text_file
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from operator_tool.api import AltitudeFrame, FlightFormatError, HomePosition, NoRouteError

from .._escaping import escaped
from .._position import check_position
from .found import Found
from .mavlink import FRAMES, MissionItem
from .mission_route import Route
from .wpl_row import LAYOUTS, Layout, read_row

_EXPECTED = "'QGC WPL 110', 120 or 100"
_HOME_COMMANDS = (0, 16)
"""A waypoint, and what Mission Planner writes."""


def is_wpl(data: bytes) -> bool:
    """True when the first line that is neither blank nor a comment begins as a WPL header does."""
    return next((line.split()[:2] == ["QGC", "WPL"] for _, line in _lines(data[:4096])), False)


def read_wpl(data: bytes) -> Found:
    """Return route and home of a WPL file.

    Raises ``FlightFormatError`` naming the line and the field, ``NoRouteError`` when no item is a place.
    """
    lines = _lines(data)
    number, header = next(lines, (1, ""))
    version, layout = _layout(number, header)
    route = Route()
    home: HomePosition | None = None
    expected_index: int | None = None
    rows = 0
    for number, line in lines:
        index, item = read_row(number, line, layout)
        if layout.has_home and expected_index is None and index == 0:
            home = _read_home(item, route)
        else:
            _note_index(number, index, expected_index, layout, route)
            rows += 1
            route.add(item)
        expected_index = index + 1
    if not rows:
        raise NoRouteError(
            f"line {number}: the file ends after its header, no waypoint follows"
            if expected_index is None
            else f"line {number}: the file ends with the home position, no waypoint follows"
        )
    after_home = " after home" if layout.has_home else ""
    return route.found(
        f"QGC WPL {version}",
        listed=f"up to line {number}: {rows} item{'s' * (rows != 1)}{after_home}",
        home=home,
    )


def _layout(number: int, header: str) -> tuple[str, Layout]:
    words = header.split()
    version = words[2] if words[:2] == ["QGC", "WPL"] and len(words) == 3 else ""
    layout = LAYOUTS.get(version)
    if layout is None:
        raise FlightFormatError(f"line {number}: '{escaped(header.strip(), 40)}', expected {_EXPECTED}")
    return version, layout


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the lines that are neither blank nor a comment, with their numbers from 1."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="replace", newline=None)
    for number, line in enumerate(text, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _note_index(number: int, index: int, expected: int | None, layout: Layout, route: Route) -> None:
    """Note an index that is out of step: the vehicle numbers the items by their order, and so does every planner."""
    if expected is None and index == 1 and layout.has_home:
        route.note(f"line {number}: the first row is item 1, so the file has no home position.")
    elif expected is not None and index != expected:
        route.note(f"line {number}, field 1 (index): {index} instead of {expected}; the order of the lines counts.")


def _read_home(item: MissionItem, route: Route) -> HomePosition | None:
    """Return the home position, None where it is 0, 0, as in a mission that was never on a vehicle."""
    if item.command not in _HOME_COMMANDS:
        route.note(f"{item.place}: row 0 is the home position, not a waypoint, though its command is {item.command}.")
    if item.lat_deg is None or item.lon_deg is None or not item.has_position:
        return None
    check_position(item.lat_deg, item.lon_deg, lat_place=item.lat_place, lon_place=item.lon_place)
    is_amsl = FRAMES.get(item.frame) == AltitudeFrame.AMSL
    return HomePosition(lat_deg=item.lat_deg, lon_deg=item.lon_deg, amsl_m=item.alt_m if is_amsl else None)
