"""A number that a file spells in its text, and degrees with the letter of their hemisphere."""

from __future__ import annotations

import math
import re

from operator_tool.api import FlightFormatError

from .._decimal_comma import hint_for
from .._escaping import escaped
from .._qualifiers import DEGREES_HINT, Degrees, Half, Said, turned

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DEGREES = re.compile(r"([NSEWnsew])?\s*([+-]?[0-9.]+(?:[eE][+-]?[0-9]{1,3})?)\s*°?\s*([NSEWnsew])?")
_DEGREES_AND_MINUTES = re.compile(r"[+-]?0[0-9]{3}")
_LONGEST = 100


def read_number(text: str, *, place: str) -> float:
    """Return the finite number. Raises ``FlightFormatError`` naming ``place`` and what stands there."""
    text = text.strip()
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        raise FlightFormatError(f"{place}: '{escaped(text, 40)}', expected a number", hint=hint_for(text))
    value = float(text)
    if not math.isfinite(value):
        raise FlightFormatError(f"{place}: '{escaped(text, 40)}' is beyond any number")
    return value


def read_degrees(text: str, *, place: str, half: Half) -> Degrees:
    """Return decimal degrees, with the letter of their hemisphere where they have one.

    Raises ``FlightFormatError`` naming ``place`` for all that is none, for a sign that the letter denies, and for
    degrees and minutes in one number, as NMEA writes them.
    """
    text = text.strip()
    match = _DEGREES.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return Degrees(read_number(text, place=place), is_positive=False)
    digits, letters = match[2], [letter for letter in (match[1], match[3]) if letter]
    if _DEGREES_AND_MINUTES.match(digits):
        raise FlightFormatError(f"{place}: '{escaped(text, 40)}', degrees and minutes in one number", hint=DEGREES_HINT)
    said = [Said(half, letter, f"{place}: '{escaped(text, 40)}'") for letter in letters]
    plus = digits.startswith("+")
    value = turned(read_number(digits, place=place), said, is_positive=plus)
    return Degrees(value, is_positive=value > 0.0 and (plus or bool(letters)))
