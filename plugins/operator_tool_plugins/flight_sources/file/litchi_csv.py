"""Litchi's CSV: a header of names, then one waypoint a line.

``latitude, longitude, altitude(m), heading(deg), curvesize(m), ..., altitudemode, ...``: altitudemode 0 is a height
above the takeoff point, 1 a height above the ground. Columns are known by their names, in any order; of another
program's table latitude and longitude suffice. What other columns say of these two is read, or the table is refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from operator_tool.api import FlightFormatError, NoRouteError, Waypoint

from .._escaping import escaped
from .._payload import MAX_WAYPOINTS
from .._position import check_position
from .._qualifiers import Degrees, Half, Qualifier, placed
from .decimal_number import read_degrees
from .found import Found
from .table_columns import Columns, Header, cell, header_of


def read_litchi_csv(data: bytes) -> Found:
    """Return the route of a Litchi mission. Raises ``FlightFormatError`` naming the line and the column."""
    header = header_of(data)
    if header is None:
        raise FlightFormatError(
            "line 1: expected the names of columns, latitude and longitude among them",
            hint="Export the mission again from Litchi's Mission Hub, with its header line.",
        )
    columns = Columns(header)
    waypoints = tuple(
        _waypoint(ordinal, number, row, columns) for ordinal, (number, row) in enumerate(_rows(data, header))
    )
    if not waypoints:
        raise NoRouteError(f"line {header.line}: the names of columns, and no waypoint below")
    columns.check()
    return Found(format="Litchi CSV", waypoints=waypoints, notes=columns.notes(), left_out=columns.left_out())


def _rows(data: bytes, header: Header) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows below the header that are not blank, each with the number of its last line."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(text, delimiter=header.delimiter, strict=True)
    count = 0
    try:
        for row in reader:
            if reader.line_num <= header.line or not any(cell.strip() for cell in row):
                continue
            count += 1
            if count > MAX_WAYPOINTS:
                raise FlightFormatError(f"line {reader.line_num}: more than {MAX_WAYPOINTS:,} waypoints")
            yield reader.line_num, row
    except csv.Error as error:
        raise FlightFormatError(f"line {reader.line_num}: {escaped(str(error))}") from None


def _waypoint(ordinal: int, number: int, row: Sequence[str], columns: Columns) -> Waypoint:
    lat_place, lon_place = columns.place(number, columns.lat), columns.place(number, columns.lon)
    lat = _degrees(cell(row, columns.lat), lat_place, Qualifier.LAT_HALF)
    lon = _degrees(cell(row, columns.lon), lon_place, Qualifier.LON_HALF)
    check_position(lat.value, lon.value, lat_place=lat_place, lon_place=lon_place)
    lat_deg, lon_deg = placed(lat, lon, columns.said(number, row))
    columns.look_at(number, row, (lat_deg, lon_deg))
    alt_m, frame = columns.altitude(number, row)
    return Waypoint(
        ordinal=ordinal, lat_deg=lat_deg, lon_deg=lon_deg, alt_m=alt_m, alt_frame=frame, source=f"line {number}"
    )


def _degrees(text: str, place: str, half: Half) -> Degrees:
    if not text:
        raise FlightFormatError(f"{place}: missing, expected degrees")
    # Where the comma doesn't part the columns, it may be the decimal point.
    return read_degrees(text.replace(",", ".", 1), place=place, half=half)
