"""One row of a QGC WPL file: numbers between blanks, in the order of the file's version."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from operator_tool.api import FlightFormatError

from .._qualifiers import Half, Qualifier
from .decimal_number import read_degrees, read_number
from .mavlink import MissionItem, loiter_radius_m

_KEEP = frozenset({"nan", "+nan", "-nan"})
_WHOLE = ("index", "frame", "command")
_PARAMS = ("param 1", "param 2", "param 3", "param 4")
_FIELDS = (
    "index", "current", "frame", "command", *_PARAMS, "latitude", "longitude", "altitude", "autocontinue",
)  # fmt: skip
_FIELDS_100 = (
    "index", "frame", "command", "param 3", "param 4", "param 1", "param 2", "current", "longitude", "latitude",
    "altitude", "field 12", "autocontinue",
)  # fmt: skip
_HALVES: Mapping[str, Half] = {"latitude": Qualifier.LAT_HALF, "longitude": Qualifier.LON_HALF}
_COMMANDS_100 = {2: 22, 3: 20, 4: 21, 24: 22, 25: 16, 26: 21, 27: 17}


class Layout(msgspec.Struct, frozen=True):
    """How the rows of one version of the format are laid out."""

    fields: tuple[str, ...]
    has_home: bool
    """Item 0 is the home position."""
    commands: Mapping[int, int] | None = None
    """MAV_CMD by the version's own numbers; None: they are MAV_CMD."""


LAYOUTS: Mapping[str, Layout] = {
    "110": Layout(_FIELDS, has_home=True),
    "120": Layout(_FIELDS, has_home=False),
    "100": Layout(_FIELDS_100, has_home=False, commands=_COMMANDS_100),
}
"""By the version in the header. 100 is older than MAVLink's numbers, and laid out as pymavlink reads it; nobody says
whether its item 0 is home, so it is taken for a waypoint: rather too much ground than too little."""


def read_row(number: int, line: str, layout: Layout) -> tuple[int, MissionItem]:
    """Return the index and the item of a line. Raises ``FlightFormatError`` naming the line and the field."""
    fields = layout.fields
    if line.count(",") >= len(fields) - 1:
        line = line.replace(",", " ")  # Mission Planner takes commas for blanks; a decimal comma is none
    texts = line.split(maxsplit=len(fields))
    if len(texts) != len(fields):
        seen = f"more than {len(fields)}" if len(texts) > len(fields) else str(len(texts))
        raise FlightFormatError(f"line {number}: {seen} fields, expected {len(fields)}")

    def name(field: str) -> str:
        return f"line {number}, field {fields.index(field) + 1} ({field})"

    values: dict[str, float | None] = {}
    for field, text in zip(fields, texts, strict=True):
        if field in _PARAMS and text.lower() in _KEEP:
            values[field] = None
            continue
        half = _HALVES.get(field)
        place = name(field)
        value = read_number(text, place=place) if half is None else read_degrees(text, place=place, half=half).value
        values[field] = value
        if field in _WHOLE and not value.is_integer():
            raise FlightFormatError(f"{name(field)}: {value}, expected a whole number")
    index, frame, command = (int(values[field] or 0) for field in _WHOLE)
    if layout.commands is not None:
        if command not in layout.commands:
            known = ", ".join(map(str, sorted(layout.commands)))
            raise FlightFormatError(f"{name('command')}: action {command}, expected one of {known}")
        command = layout.commands[command]
    return index, MissionItem(
        place=f"line {number}",
        command=command,
        frame=frame,
        lat_deg=values["latitude"],
        lon_deg=values["longitude"],
        alt_m=values["altitude"],
        loiter_radius_m=loiter_radius_m(command, [values[param] for param in _PARAMS]),
        lat_place=name("latitude"),
        lon_place=name("longitude"),
        frame_place=name("frame"),
    )
