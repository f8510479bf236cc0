"""The one door for what a companion says: each line's JSON, strict and bounded, and the types that its fields have.

A struct of these types is all that a new field needs: ``msgspec`` refuses what is of another type or beyond its bound.
"""

from __future__ import annotations

import json
from typing import Annotated, TypeVar

import msgspec

from operator_tool.api import Meta

MAX_NUMBER = 2**53 - 1
MAX_DEPTH = 16
"""The agent's own answers nest five deep."""
MAX_ITEMS = 5000
"""Of one list: a generation has at most 4,096 files."""

Count = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
Clock = Annotated[int, Meta(ge=-(2**40), le=2**40)]
"""Seconds since 1970, of a clock that may be wrong by tens of thousands of years."""
Seconds = Annotated[float, Meta(ge=0.0, le=1e9)]
Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Word = Annotated[str, Meta(max_length=128)]
"""A name, an id, a version, a code."""
Text = Annotated[str, Meta(max_length=20_000)]
"""A sentence, a path with what was seen there, or a line of a stage's: 4 KiB, each byte perhaps escaped."""
Texts = Annotated[list[Text], Meta(max_length=MAX_ITEMS)]
Seq = Annotated[int, Meta(ge=0, le=99_999_999)]
"""A generation's number; 0 where there is none."""
Key = Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
"""64 hex digits, empty where they are not known."""

T = TypeVar("T")
_UNFIT = (msgspec.ValidationError, OverflowError, ValueError, TypeError, RecursionError)


def as_fields(said: object, into: type[T]) -> T:
    """Return a line's fields as ``into``. Raises ``ValueError`` naming the field that is missing, or can't be so."""
    try:
        return msgspec.convert(said, into, strict=True)
    except _UNFIT as error:
        raise ValueError(str(error)[:500]) from None


def parse_strictly(line: bytes) -> object:
    """Return one line's JSON; raises ``ValueError`` on what two parsers could read differently, or nobody can mean.

    A byte order mark and a carriage return are let be. Duplicate keys, NaN, infinities, half characters and deep
    nesting are not.
    """
    text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_int=_bounded_number,
            parse_float=_finite_number,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check(value, MAX_DEPTH)
    return value


def _check(value: object, depth: int) -> None:
    """Raise ``ValueError`` for half characters, and for what is nested too deeply."""
    if isinstance(value, str):
        if not value.isascii():
            # A half of a pair of surrogates has no bytes: whoever would write it down fails.
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise ValueError("half a character stands in a text") from None
        return
    if not isinstance(value, dict | list):
        return
    if depth == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        for name in value:
            _check(name, depth)
    for item in value.values() if isinstance(value, dict) else value:
        _check(item, depth - 1)


def _bounded_number(digits: str) -> int:
    """Return a number of at most 62 bits: what is larger is none that a field may have, and is refused by its name."""
    return int(digits) if len(digits) <= 18 else -(2**62) if digits.startswith("-") else 2**62


def _finite_number(digits: str) -> float:
    number = float(digits)
    if number - number != 0.0:
        raise ValueError("a number is beyond all bounds")
    return number


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
