"""A number that a file spells in its text."""

from __future__ import annotations

import math
import re

from operator_tool.api import FlightFormatError

from .._escaping import escaped

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_COMMA_HINT = "The file has decimal commas: save it again with decimal points (an English locale)."
_LONGEST = 100


def read_number(text: str, *, place: str) -> float:
    """Return the finite number. Raises ``FlightFormatError`` naming ``place`` and what stands there."""
    text = text.strip()
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        hint = _COMMA_HINT if len(text) <= _LONGEST and _COMMA.fullmatch(text) else None
        raise FlightFormatError(f"{place}: '{escaped(text, 40)}', expected a number", hint=hint)
    value = float(text)
    if not math.isfinite(value):
        raise FlightFormatError(f"{place}: '{escaped(text, 40)}' is beyond any number")
    return value
