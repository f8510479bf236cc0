"""JSON from outside, read strictly: whatever is odd is refused with its place in the document.

``json.loads`` takes ``NaN``, ``Infinity`` and ``1e999`` for numbers, keeps the last of two equal keys, recurses as deep
as the text says and lets lone surrogates through. Here each of them is a ``FlightFormatError`` that names the path.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

import msgspec

from operator_tool.api import FlightFormatError

from ._escaping import escaped
from ._json_node import Node
from ._text import as_utf8

MAX_DEPTH = 64
MAX_VALUES = 1_000_000
"""Bounds the memory that a document takes; the longest mission, 65,535 items of 15 values, stays below it."""
_MAX_NUMBER_CHARACTERS = 100
_SHOWN_STEPS = 100
"""Of a path that is cut in its middle no more are looked at: to join a million steps takes minutes."""

# Possessive, so that a string of millions of characters takes no memory per character.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Refused(msgspec.Struct, frozen=True):
    """Stands in the parsed document where something was that is not allowed, so that the walk finds its path."""

    reason: str


def parse_json(data: bytes) -> Node:
    """Return the document's root. Raises ``FlightFormatError`` naming the path of the first thing that is refused."""
    text = _decode(data)
    values = text.count(",") + text.count("[") + text.count("{")
    if values > MAX_VALUES:
        raise FlightFormatError(f"{_place_of_excess(text)}: more than {MAX_VALUES:,} values in the document")
    _check_depth(text)
    refusals: list[_Refused] = []
    try:
        root = _load(text, refusals)
    except json.JSONDecodeError as error:
        path = _path_at(text, error.pos) or "the document"
        reason = error.msg[0].lower() + error.msg[1:]
        raise FlightFormatError(f"{path}: {reason} at line {error.lineno}, column {error.colno}") from None
    if refusals or _SURROGATE_ESCAPE.search(text):
        _refuse_first(Node(root, ""))
    return Node(root, "")


def _decode(data: bytes) -> str:
    try:
        return as_utf8(data).decode()
    except UnicodeDecodeError as error:
        raise FlightFormatError(f"byte {error.start}: not UTF-8 ({error.reason})") from None


def _load(text: str, refusals: list[_Refused]) -> object:
    def refused(reason: str) -> _Refused:
        refusals.append(_Refused(reason))
        return refusals[-1]

    def constant(name: str) -> _Refused:
        return refused(f"{name} is not a JSON number")

    def number(digits: str) -> float | int | _Refused:
        if len(digits) > _MAX_NUMBER_CHARACTERS:
            return refused(f"a number of {len(digits):,} characters")
        whole = digits.lstrip("-").isdigit()
        value = int(digits) if whole else float(digits)
        return value if math.isfinite(value) else refused(f"{escaped(digits, 20)} is beyond any number")

    def members(pairs: list[tuple[str, object]]) -> dict[str, object] | _Refused:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return refused(f"the key '{escaped(double, 40)}' stands twice")

    return json.loads(text, object_pairs_hook=members, parse_constant=constant, parse_float=number, parse_int=number)


def _refuse_first(root: Node) -> None:
    """Raise for the first refusal or lone surrogate in document order; return when there is none."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        value = node.value
        if isinstance(value, _Refused):
            raise node.error(value.reason)
        if isinstance(value, str) and _SURROGATE.search(value):
            raise node.error("half of a surrogate pair is no text")
        if isinstance(value, dict):
            for key in value:
                if _SURROGATE.search(key):
                    raise node.error(f"half of a surrogate pair in the key '{escaped(key, 40)}'")
        waiting.extend(reversed(list(node.children())))


def _check_depth(text: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        mark = token.group()[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                path = _path_at(text, token.start())
                raise FlightFormatError(f"{path}: nested more than {MAX_DEPTH} levels deep")
        elif mark in "]}":
            depth -= 1


def _place_of_excess(text: str) -> str:
    marks = (token for token in _TOKEN.finditer(text) if token.group()[0] in ",[{")
    for _ in range(MAX_VALUES):
        excess = next(marks, None)
    return "the document" if excess is None else _path_at(text, excess.start()) or "the document"


def _path_at(text: str, offset: int) -> str:
    """Return the path of what stands at ``offset`` of a text that is JSON up to there, shortened in the middle."""
    steps: list[str | int | None] = []
    last_string = ""
    for token in _tokens_before(text, offset):
        mark = token[0]
        if mark == '"':
            last_string = token[1:-1]
        elif mark in "[{":
            steps.append(0 if mark == "[" else None)
        elif mark in "]}":
            if steps:
                steps.pop()
        elif steps and mark == ":":
            steps[-1] = last_string
        elif steps and mark == ",":
            top = steps[-1]
            steps[-1] = top + 1 if isinstance(top, int) else None
    named = [step for step in steps if step is not None]
    if len(named) <= 2 * _SHOWN_STEPS:
        path = _joined(named)
        return path if len(path) <= 100 else f"{path[:60]}…{path[-30:]}"
    return f"{_joined(named[:_SHOWN_STEPS])[:60]}…{_joined(named[-_SHOWN_STEPS:])[-30:]}"


def _joined(steps: list[str | int]) -> str:
    path = Node(None, "")
    for step in steps:
        path = path.at(None, step)
    return path.path


def _tokens_before(text: str, offset: int) -> Iterator[str]:
    for token in _TOKEN.finditer(text, 0, offset):
        yield token.group()
