"""JSON documents one after the other: one a line, as QGIS and ogr2ogr write features, or after record separators.

RFC 8142 (GeoJSON Text Sequences) and https://github.com/ndjson/ndjson-spec.
"""

from __future__ import annotations

from operator_tool.api import FlightFormatError

from .._json_node import Node
from .._strict_json import MAX_VALUES, parse_json

RECORD_SEPARATOR = b"\x1e"


def parse_documents(data: bytes) -> list[Node]:
    """Return the roots: one, or as many as there are lines or records, each with its line as the beginning of its path.

    Raises ``FlightFormatError`` naming the place, in the words for one document where it looks like one.
    """
    if data.lstrip().startswith(RECORD_SEPARATOR):
        return _parsed(_records(data))
    try:
        return [parse_json(data)]
    except FlightFormatError:
        lines = [(number, line) for number, line in enumerate(data.split(b"\n"), start=1) if line.strip()]
        if len(lines) < 2 or not all(_looks_whole(line) for _, line in lines[:2]):
            raise
    return _parsed(lines)


def _records(data: bytes) -> list[tuple[int, bytes]]:
    records: list[tuple[int, bytes]] = []
    line = 1
    for record in data.split(RECORD_SEPARATOR):
        if record.strip():
            records.append((line, record))
        line += record.count(b"\n")
    return records


def _parsed(texts: list[tuple[int, bytes]]) -> list[Node]:
    values = sum(text.count(mark) for _, text in texts for mark in (b",", b"[", b"{"))
    if values > MAX_VALUES:
        raise FlightFormatError(f"the document: more than {MAX_VALUES:,} values in the document")
    return [_parsed_line(number, text) for number, text in texts]


def _parsed_line(number: int, text: bytes) -> Node:
    try:
        return Node(parse_json(text).value, f"line {number}")
    except FlightFormatError as error:
        raise FlightFormatError(f"line {number}: {error.message}", hint=error.hint) from None


def _looks_whole(line: bytes) -> bool:
    text = line.strip()
    return text.startswith(b"{") and text.endswith(b"}")
