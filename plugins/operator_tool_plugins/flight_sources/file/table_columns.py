"""The columns of a table of positions: which are read, and which say how those are meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from operator_tool.api import AltitudeFrame, FlightFormatError, LeftOut, Place

from .._decimal_comma import HINT
from .._escaping import escaped
from .._qualifiers import Half, Qualifier, Said, key_of, letters_of, may_say_halves, metres_per_unit, qualifiers_among
from .decimal_number import read_number

DELIMITERS = (",", ";", "\t", "|")
_METRES_BY_COLUMN = {
    "altitude(m)": 1.0,
    "altitude[m]": 1.0,
    "altitude_m": 1.0,
    "altitude(ft)": 0.3048,
    "altitude[ft]": 0.3048,
    "altitude_ft": 0.3048,
}
_WITHOUT_UNIT = ("altitude", "alt", "height", "elevation")
_LITCHIS_OWN = ("curvesize", "curvesize(m)", "curvesize(ft)", "rotationdir", "gimbalmode", "altitudemode")
_LITCHIS_MODES = {0: AltitudeFrame.TAKEOFF, 1: AltitudeFrame.TERRAIN}
_FROM = {
    **dict.fromkeys(("takeoff", "home", "relative", "relativetohome", "relativetotakeoff"), AltitudeFrame.TAKEOFF),
    **dict.fromkeys(("agl", "terrain", "ground", "abovegroundlevel", "relativetoground"), AltitudeFrame.TERRAIN),
    **dict.fromkeys(("amsl", "msl", "asl", "absolute", "sealevel", "abovesealevel", "egm96"), AltitudeFrame.AMSL),
    **dict.fromkeys(("wgs84", "hae", "ellipsoid", "aboveellipsoid"), AltitudeFrame.UNKNOWN),
}
_EXIF_FROM = {"0": AltitudeFrame.AMSL}
_MAX_HEADER_CHARACTERS = 20_000
_SEPARATOR = re.compile(r"\"?sep=([!-/:-@\[-`{-~\t])\"?[ ,;\r]*", re.IGNORECASE)
_OTHER_LATITUDE = re.compile(r"(\w*?)(?:latitude|lat)(\d*|start|end|from|to)")
_RENAME = "Call the column N/S or E/W if it is the hemisphere; else take it out of the file."


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a table."""

    delimiter: str
    written: tuple[str, ...]
    """The names of the columns as they stand there."""
    line: int
    """Its number from 1."""

    @property
    def names(self) -> list[str]:
        """The names lowered and without blanks: ``altitude (m)`` is ``altitude(m)``."""
        return ["".join(name.split()).lower() for name in self.written]


def header_of(data: bytes) -> Header | None:
    """Return the header of a table of positions; None where the first line is none.

    Excel's ``sep=;`` may stand before it, and says the delimiter.
    """
    start = data[: _MAX_HEADER_CHARACTERS * 2].decode("utf-8-sig", "replace")
    lines = ((number, line) for number, line in enumerate(start.splitlines(), start=1) if line.strip())
    number, line = next(lines, (1, ""))
    delimiters: tuple[str, ...] = DELIMITERS
    said = _SEPARATOR.fullmatch(line)
    if said is not None:
        delimiters = (said[1],)
        number, line = next(lines, (number, ""))
    for delimiter in delimiters:
        header = Header(
            delimiter=delimiter, written=tuple(name.strip().strip('"') for name in line.split(delimiter)), line=number
        )
        if {"latitude", "longitude"} <= set(header.names):
            return header
    return None


class Columns:
    """What each column is. It looks at the rows one after the other, and remembers what only all of them can tell."""

    def __init__(self, header: Header) -> None:
        names = header.names
        for name in ("latitude", "longitude", *_METRES_BY_COLUMN, "altitudemode"):
            if names.count(name) > 1:
                raise FlightFormatError(f"line {header.line}: the column '{name}' stands twice")
        self._header = header
        self._names = names
        self.lat, self.lon = names.index("latitude"), names.index("longitude")
        said = dict(qualifiers_among(header.written))
        self._qualifiers = {column: said[name] for column, name in enumerate(header.written) if name in said}
        self._alt_units = self._of(Qualifier.ALT_UNIT)
        self._alt_froms = self._of(Qualifier.ALT_FROM)
        named = next((name for name in _METRES_BY_COLUMN if name in names), None)
        plain = next((name for name in _WITHOUT_UNIT if name in names), None) if self._alt_units else None
        self._alt = None if (named or plain) is None else names.index(named or plain or "")
        self._metres_per_unit = None if named is None else _METRES_BY_COLUMN[named]
        self._is_litchis = any(name in names for name in _LITCHIS_OWN)
        # What may turn out to be letters of a hemisphere under a name that doesn't say it, and the first of them that a
        # number's sign doesn't say too.
        self._suspects: dict[int, tuple[Half | None, str]] = {
            column: (None, "")
            for column, name in enumerate(header.written)
            if column not in (self.lat, self.lon) and column not in self._qualifiers and may_say_halves(name)
        }
        self._others = list(_other_positions(header.written))
        self._left_out: list[list[Place]] = [[] for _ in self._others]

    def _of(self, qualifier: Qualifier) -> list[int]:
        return [column for column, one in self._qualifiers.items() if one is qualifier]

    def place(self, number: int, column: int) -> str:
        """Return the words for a cell."""
        return f"line {number}, column {column + 1} ({escaped(self._names[column], 40)})"

    def said(self, number: int, row: Sequence[str]) -> list[Said]:
        """Return what a row's other columns say of its position."""
        altitudes = (Qualifier.ALT_FROM, Qualifier.ALT_UNIT)
        return [
            Said(
                qualifier,
                cell(row, column),
                self.place(number, column),
                is_vague=self._names[column] in ("unit", "units"),
            )
            for column, qualifier in self._qualifiers.items()
            if qualifier not in altitudes
        ]

    def altitude(self, number: int, row: Sequence[str]) -> tuple[float | None, AltitudeFrame]:
        """Return a row's altitude in metres, and what it is measured from. Raises ``FlightFormatError``."""
        frame = AltitudeFrame.TAKEOFF if self._is_litchis else AltitudeFrame.UNKNOWN
        text = "" if self._alt is None else cell(row, self._alt)
        alt = self._number(number, self._alt, text) if self._alt is not None and text else None
        factor = 1.0
        for column in self._alt_froms:
            text = cell(row, column)
            if text:
                frame, sign = self._frame(number, column, text)
                factor = sign if alt is not None and alt > 0.0 else 1.0
        if alt is None:
            return None, AltitudeFrame.UNKNOWN
        return alt * factor * self._unit(number, row), frame

    def _unit(self, number: int, row: Sequence[str]) -> float:
        unit = self._metres_per_unit
        for column in self._alt_units:
            place = self.place(number, column)
            said = metres_per_unit(Said(Qualifier.ALT_UNIT, cell(row, column), place))
            if unit is not None and said != unit:
                raise FlightFormatError(
                    f"{place}: '{escaped(cell(row, column), 40)}', another unit than the altitude's own"
                )
            unit = said
        return 1.0 if unit is None else unit

    def _frame(self, number: int, column: int, text: str) -> tuple[AltitudeFrame, float]:
        """Return what an altitude is measured from, and -1 where it counts downwards."""
        place, key = self.place(number, column), key_of(text)
        if self._names[column] == "altitudemode" and text not in _FROM and key not in _FROM:
            mode = self._number(number, column, text)
            if mode not in _LITCHIS_MODES:
                raise FlightFormatError(f"{place}: {mode:g}, expected 0 (above takeoff) or 1 (above the ground)")
            return _LITCHIS_MODES[int(mode)], 1.0
        if key in ("1", "belowsealevel"):
            return AltitudeFrame.AMSL, -1.0
        frame = _EXIF_FROM.get(key) or _FROM.get(key)
        if frame is None:
            raise FlightFormatError(f"{place}: '{escaped(text, 40)}', expected takeoff, ground or sea level")
        return frame, 1.0

    def _number(self, number: int, column: int, text: str) -> float:
        # Where the comma doesn't part the columns, it may be the decimal point.
        return read_number(text.replace(",", ".", 1), place=self.place(number, column))

    def look_at(self, number: int, row: Sequence[str], position: Place) -> None:
        """Take a row's position, and look at the columns that say nothing by their names.

        Raises ``FlightFormatError`` where more cells than names show that decimal commas part the numbers.
        """
        if len(row) > len(self._names) and self._header.delimiter == "," and not any("." in one for one in row):
            seen = f"{len(row)} cells without a decimal point, and {len(self._names)} names of columns"
            raise FlightFormatError(f"line {number}: {seen}", hint=HINT)
        for column in list(self._suspects):
            text = cell(row, column)
            if not text:
                continue
            half, where = self._suspects[column]
            named = _half_of(text)
            if named is None or half not in (None, named[0]):
                del self._suspects[column]  # words, or all the winds of a compass
                continue
            deg = position[0] if named[0] is Qualifier.LAT_HALF else position[1]
            if named[1] and deg > 0.0 and not where:  # N alone may be a no, and E anything: they change no number
                where = f"{self.place(number, column)}: '{escaped(text, 40)}'"
            self._suspects[column] = (named[0], where)
        for places, (lat, lon) in zip(self._left_out, self._others, strict=True):
            other = _position(cell(row, lat), cell(row, lon))
            if other is not None:
                places.append(other)

    def check(self) -> None:
        """Raise ``FlightFormatError`` for a column that holds letters of a hemisphere under another name."""
        for _, where in self._suspects.values():
            if where:
                raise FlightFormatError(f"{where} may be the hemisphere of the position, and may be not", hint=_RENAME)

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return the positions of columns that are not read, such as ``end_latitude``."""
        return tuple(
            LeftOut(
                name=f"columns {escaped(self._header.written[lat], 40)} and {escaped(self._header.written[lon], 40)}",
                places=tuple(places),
            )
            for (lat, lon), places in zip(self._others, self._left_out, strict=True)
            if places
        )

    def notes(self) -> tuple[str, ...]:
        """Return what is assumed of the altitudes."""
        line, names = f"line {self._header.line}", self._names
        if self._alt is None:
            other = next((name for name in names if name.startswith("alt") and name != "altitudemode"), None)
            seen = f"the column '{escaped(other, 40)}' says no unit, and" if other else "no column of altitudes:"
            return (f"{line}: {seen} the waypoints have no altitude (altitude(m) or altitude(ft) is read).",)
        if self._alt_froms:
            return ()
        if self._is_litchis:
            return (f"{line}: no column altitudemode: altitudes are taken as heights above the takeoff point.",)
        return (f"{line}: no column altitudemode, so what the altitudes are measured from is not known.",)


def cell(row: Sequence[str], column: int) -> str:
    """Return a cell without blanks around it, empty where the row is shorter."""
    return row[column].strip() if column < len(row) else ""


def _half_of(text: str) -> tuple[Half, bool] | None:
    """Return which half a word names, and whether it is south or west; None where it is no such word."""
    halves: tuple[Half, Half] = (Qualifier.LAT_HALF, Qualifier.LON_HALF)
    for half in halves if text[:1].isalpha() else ():
        try:
            return half, letters_of(Said(half, text, "")) in "SW"
        except FlightFormatError:
            continue
    return None


def _other_positions(names: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the columns of other pairs of latitudes and longitudes, those of what the camera looks at left out."""
    keys = [key_of(name) for name in names]
    for column, key in enumerate(keys):
        match = _OTHER_LATITUDE.fullmatch(key)
        if match is None or match[1].endswith(("poi", "target")) or not match[1] + match[2]:
            continue
        for longitude in ("longitude", "lon", "long", "lng"):
            if (partner := match[1] + longitude + match[2]) in keys:
                yield column, keys.index(partner)
                break


def _position(lat: str, lon: str) -> Place | None:
    try:
        place = (read_number(lat.replace(",", ".", 1), place=""), read_number(lon.replace(",", ".", 1), place=""))
    except FlightFormatError:
        return None
    return place if abs(place[0]) <= 90.0 and abs(place[1]) <= 180.0 and place != (0.0, 0.0) else None
