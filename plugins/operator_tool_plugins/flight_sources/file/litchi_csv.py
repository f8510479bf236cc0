"""Litchi's CSV: a header of names, then one waypoint a line.

``latitude, longitude, altitude(m), heading(deg), curvesize(m), ..., altitudemode, ...``: altitudemode 0 is a height
above the takeoff point, 1 a height above the ground. Columns are known by their names, in any order; of another
program's table latitude and longitude suffice.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import msgspec

from operator_tool.api import AltitudeFrame, FlightFormatError, NoRouteError, Waypoint

from .._escaping import escaped
from .._payload import MAX_WAYPOINTS
from .._position import check_position
from .decimal_number import read_number
from .found import Found

DELIMITERS = (",", ";", "\t")
_METRES_BY_COLUMN = {
    "altitude(m)": 1.0,
    "altitude[m]": 1.0,
    "altitude_m": 1.0,
    "altitude(ft)": 0.3048,
    "altitude[ft]": 0.3048,
    "altitude_ft": 0.3048,
}
_LITCHIS_OWN = ("curvesize", "curvesize(m)", "curvesize(ft)", "rotationdir", "gimbalmode", "altitudemode")
_FRAMES = {0: AltitudeFrame.TAKEOFF, 1: AltitudeFrame.TERRAIN}
_MAX_HEADER_CHARACTERS = 20_000


class _Columns(msgspec.Struct, frozen=True, kw_only=True):
    lat: int
    lon: int
    alt: int | None
    metres_per_unit: float
    mode: int | None
    frame: AltitudeFrame
    """What an altitude is measured from where no altitudemode says it."""
    notes: tuple[str, ...]


def header_of(data: bytes) -> tuple[str, list[str]] | None:
    """Return the delimiter and the columns' names of a table of positions; None where the first line is no such header.

    Names are lowered and without blanks: ``altitude (m)`` is ``altitude(m)``.
    """
    start = data[: _MAX_HEADER_CHARACTERS * 2].decode("utf-8-sig", "replace").lstrip()
    line = start.splitlines()[0] if start else ""
    for delimiter in DELIMITERS:
        names = ["".join(name.split()).strip('"').lower() for name in line.split(delimiter)]
        if "latitude" in names and "longitude" in names:
            return delimiter, names
    return None


def read_litchi_csv(data: bytes) -> Found:
    """Return the route of a Litchi mission. Raises ``FlightFormatError`` naming the line and the column."""
    header = header_of(data)
    if header is None:
        raise FlightFormatError(
            "line 1: expected the names of columns, latitude and longitude among them",
            hint="Export the mission again from Litchi's Mission Hub, with its header line.",
        )
    delimiter, names = header
    columns = _columns(names)
    waypoints: list[Waypoint] = []
    for number, row in _rows(data, delimiter):
        if len(waypoints) == MAX_WAYPOINTS:
            raise FlightFormatError(f"line {number}: more than {MAX_WAYPOINTS:,} waypoints")
        waypoints.append(_waypoint(len(waypoints), number, row, columns, names))
    if not waypoints:
        raise NoRouteError("line 1: the names of columns, and no waypoint below")
    return Found(format="Litchi CSV", waypoints=tuple(waypoints), notes=columns.notes)


def _columns(names: Sequence[str]) -> _Columns:
    for name in ("latitude", "longitude", *_METRES_BY_COLUMN, "altitudemode"):
        if names.count(name) > 1:
            raise FlightFormatError(f"line 1: the column '{name}' stands twice")
    unit = next((name for name in _METRES_BY_COLUMN if name in names), None)
    mode = names.index("altitudemode") if "altitudemode" in names else None
    litchi = any(name in names for name in _LITCHIS_OWN)
    notes: list[str] = []
    if unit is None:
        other = next((name for name in names if name.startswith("alt") and name != "altitudemode"), None)
        seen = f"the column '{escaped(other, 40)}' says no unit, and" if other else "no column of altitudes:"
        notes.append(f"line 1: {seen} the waypoints have no altitude (altitude(m) or altitude(ft) is read).")
    elif mode is None and litchi:
        notes.append("line 1: no column altitudemode: altitudes are taken as heights above the takeoff point.")
    elif mode is None:
        notes.append("line 1: no column altitudemode, so what the altitudes are measured from is not known.")
    return _Columns(
        lat=names.index("latitude"),
        lon=names.index("longitude"),
        alt=None if unit is None else names.index(unit),
        metres_per_unit=_METRES_BY_COLUMN.get(unit or "", 1.0),
        mode=mode,
        frame=AltitudeFrame.TAKEOFF if litchi else AltitudeFrame.UNKNOWN,
        notes=tuple(notes),
    )


def _rows(data: bytes, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows below the header that are not blank, each with the number of its last line."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    seen_header = False
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if seen_header:
                yield reader.line_num, row
            seen_header = True
    except csv.Error as error:
        raise FlightFormatError(f"line {reader.line_num}: {escaped(str(error))}") from None


def _waypoint(ordinal: int, number: int, row: Sequence[str], columns: _Columns, names: Sequence[str]) -> Waypoint:
    def place(column: int) -> str:
        return f"line {number}, column {column + 1} ({escaped(names[column], 40)})"

    def read(column: int) -> float | None:
        text = row[column].strip() if column < len(row) else ""
        # Where the comma doesn't part the columns, it may be the decimal point.
        return read_number(text.replace(",", ".", 1), place=place(column)) if text else None

    lat_deg, lon_deg = read(columns.lat), read(columns.lon)
    if lat_deg is None or lon_deg is None:
        raise FlightFormatError(f"{place(columns.lat if lat_deg is None else columns.lon)}: missing, expected degrees")
    check_position(lat_deg, lon_deg, lat_place=place(columns.lat), lon_place=place(columns.lon))
    alt = None if columns.alt is None else read(columns.alt)
    mode = None if columns.mode is None else read(columns.mode)
    if mode is not None and mode not in _FRAMES:
        assert columns.mode is not None
        raise FlightFormatError(f"{place(columns.mode)}: {mode:g}, expected 0 (above takeoff) or 1 (above the ground)")
    frame = columns.frame if mode is None else _FRAMES[int(mode)]
    return Waypoint(
        ordinal=ordinal,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        alt_m=None if alt is None else alt * columns.metres_per_unit,
        alt_frame=AltitudeFrame.UNKNOWN if alt is None else frame,
        source=f"line {number}",
    )
