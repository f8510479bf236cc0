"""The numbers in KML's ``<coordinates>`` and ``<gx:coord>``: longitude before latitude, degrees; then metres."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import msgspec

from operator_tool.api import FlightFormatError, Place

from .._decimal_comma import HINT
from .._escaping import escaped
from .._payload import MAX_WAYPOINTS
from .._qualifiers import Qualifier
from .decimal_number import read_degrees, read_number
from .lon_lat import LonLat
from .route_lines import TOO_LONG_HINT
from .xml_tree import Element

# Bounded: a tuple of five is wrong already, and one of millions would take the matcher's memory.
_TUPLE = re.compile(r"[^\s,]+(?:,[^\s,]*){0,4}")
_TUPLE_WITH_BLANKS = re.compile(r"[^\s,]+(?:\s*,\s*[^\s,]*){0,4}")
_BLANKS_AT_COMMA = re.compile(r"\s,|,\s")


class Coordinate(msgspec.Struct, frozen=True, gc=False):
    """One position of a line or ring."""

    position: Place
    alt_m: float | None
    place: str
    """Where it stands, such as ``line 12, point 3``."""


def read_coordinates(element: Element | None, lon_lat: LonLat) -> Iterator[Coordinate]:
    """Yield what a ``<coordinates>`` holds; nothing where it is missing or empty. Raises ``FlightFormatError``."""
    if element is None:
        return
    for number, text in enumerate(_tuples(element.text), start=1):
        place = f"line {element.line}, point {number}"
        if number > MAX_WAYPOINTS:
            raise FlightFormatError(f"{place}: more than {MAX_WAYPOINTS:,} positions", hint=TOO_LONG_HINT)
        numbers = [part.strip() for part in text.split(",")]
        while len(numbers) > 2 and not numbers[-1]:
            numbers.pop()
        if len(numbers) not in (2, 3):
            raise FlightFormatError(
                f"{place}: '{escaped(text, 60)}', expected longitude,latitude or longitude,latitude,altitude",
                hint=HINT if len(numbers) > 3 and "." not in text else None,
            )
        yield _coordinate(numbers, place, lon_lat)


def read_track_coord(element: Element, lon_lat: LonLat) -> Coordinate | None:
    """Return what a ``<gx:coord>`` holds, numbers between blanks; None where it is empty, as the format allows."""
    numbers = element.text.split(maxsplit=3)
    if not numbers:
        return None
    if len(numbers) not in (2, 3):
        raise FlightFormatError(
            f"{element.place}: '{escaped(element.text, 60)}', expected longitude latitude altitude with blanks between"
        )
    return _coordinate(numbers, f"line {element.line}", lon_lat)


def _tuples(text: str) -> Iterator[str]:
    """Yield the tuples of numbers, though there may be blanks at the commas within them, or a comma behind them."""
    pattern = _TUPLE
    if _BLANKS_AT_COMMA.search(text) and not all(
        _is_whole(match[0]) for match in islice(_TUPLE.finditer(text), MAX_WAYPOINTS)
    ):
        pattern = _TUPLE_WITH_BLANKS
    for match in pattern.finditer(text):
        yield match[0]


def _is_whole(text: str) -> bool:
    return 2 <= sum(map(bool, text.split(","))) <= 3


def _coordinate(numbers: list[str], place: str, lon_lat: LonLat) -> Coordinate:
    lon_place, lat_place = f"{place}: longitude", f"{place}: latitude"
    lon_deg = read_degrees(numbers[0], place=lon_place, half=Qualifier.LON_HALF).value
    lat_deg = read_degrees(numbers[1], place=lat_place, half=Qualifier.LAT_HALF).value
    position = lon_lat.place(lon_deg, lat_deg, lon_place=lon_place, lat_place=lat_place)
    alt_m = read_number(numbers[2], place=f"{place}: altitude") if len(numbers) == 3 else None
    return Coordinate(position, alt_m, place)
