"""What a file is by its content, for the message about a file that is no mission."""

from __future__ import annotations

import re

from operator_tool.api import FlightFormatError

from .._escaping import escaped
from .._json_node import Node

READS = "QGroundControl .plan, QGC WPL 110 (.waypoints, .txt) and the tool's own flight JSON"
_HINT = f"These are read: {READS}."

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"PK\x03\x04", "a ZIP archive, as KMZ is"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\x00", "an SQLite database, as MBTiles is"),
    (b"\x7fELF", "a program"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)
_XML_ROOT = re.compile(rb"<([A-Za-z_][\w.:-]{0,40})")
_XML_NAMES = {"kml": "KML", "gpx": "GPX", "html": "HTML", "mission": "an XML mission"}
_GEOJSON = frozenset({"FeatureCollection", "Feature", "LineString", "MultiLineString", "Point", "Polygon"})


def looks_like_json(data: bytes) -> bool:
    """True when the first character is one that a JSON object or list begins with."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def not_a_mission(data: bytes) -> FlightFormatError:
    """Return the error that says what a file is that no reader knows."""
    return FlightFormatError(f"{_describe(data)}, not a mission that is read", hint=_HINT)


def not_a_mission_json(document: Node) -> FlightFormatError:
    """Return the error that says what a JSON document is that is neither a plan nor a flight."""
    if not isinstance(document.value, dict):
        return FlightFormatError("the document: a JSON list, expected a plan or a flight", hint=_HINT)
    members = document.value
    if isinstance(members.get("type"), str) and members["type"] in _GEOJSON:
        return FlightFormatError("the document: GeoJSON, not a mission that is read", hint=_HINT)
    if "items" in members and "plannedHomePosition" in members:
        return FlightFormatError(
            "the document: an old QGroundControl .mission, not a mission that is read",
            hint="Open it in QGroundControl and save it as a .plan.",
        )
    keys = ", ".join(f"'{escaped(key, 20)}'" for key in list(members)[:5]) or "no key"
    return FlightFormatError(
        f"the document: JSON with {keys}, neither a plan ('mission') nor a flight ('waypoints')", hint=_HINT
    )


def _describe(data: bytes) -> str:
    if not data:
        return "an empty file"
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        root = _XML_ROOT.search(start)
        name = root[1].decode("ascii").rpartition(":")[2] if root else ""
        kind = _XML_NAMES.get(name.lower())
        return f"XML ({kind})" if kind else "XML"
    try:
        text = start[:1024].decode("utf-8", "strict" if len(start) < 1024 else "ignore")
    except UnicodeDecodeError:
        return "binary data"
    lines = text.strip().splitlines()
    if not text.strip(" \t\r\n\x00"):
        return "a file of blanks"
    if "\x00" in text or not lines:
        return "binary data"
    return f"text that begins with '{escaped(lines[0].strip(), 40)}'"
