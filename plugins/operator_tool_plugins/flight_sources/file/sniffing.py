"""What a file is by its content: the form it is written in, and what it is in words."""

from __future__ import annotations

import enum
import re

from operator_tool.api import FlightFormatError

from .._escaping import escaped
from .._json_node import Node

READS = (
    "QGroundControl .plan and .mission, QGC WPL (.waypoints, .txt), KML and KMZ, DJI WPML, GPX, GeoJSON, Litchi CSV "
    "and the tool's own flight JSON"
)
_HINT = f"These are read: {READS}."


class Form(enum.StrEnum):
    """How a file is written; every format has one or two of them."""

    JSON = "JSON"
    XML = "XML"
    ZIP = "a ZIP archive"
    TEXT = "text"


_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UTF8_BOM = b"\xef\xbb\xbf"
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\x00", "an SQLite database, as MBTiles is"),
    (b"\x7fELF", "a program"),
)
_NOT_ELEMENTS = re.compile(r"<!--.*?-->|<\?.*?\?>", re.DOTALL)
_XML_ROOT = re.compile(r"<([A-Za-z_][\w.:-]{0,40})", re.ASCII)
_PAIR_OF_NUMBERS = re.compile(r"-?[0-9]+\.[0-9]+[\s,;]+-?[0-9]+\.[0-9]+", re.ASCII)
_XML_NAMES = {
    "html": "XML (HTML)",
    "mission": "an XML mission, as INAV and MultiWii write it",
    "osm": "OpenStreetMap XML",
}


def form_of(data: bytes) -> Form | None:
    """Return the form that a file is written in; None for what is neither text nor a ZIP archive."""
    if data.startswith(_ZIP):
        return Form.ZIP
    if data.startswith(tuple(magic for magic, _ in _MAGIC)):
        return None
    start = _start(data)
    if start is None:
        return None
    if start.startswith("<"):
        return Form.XML
    if "\x00" in start or not start.strip():
        return None
    return Form.JSON if start[0] in "{[\x1e" else Form.TEXT


def xml_root_name(data: bytes) -> str | None:
    """Return the local name of an XML file's first element, None where the first kilobytes don't show it."""
    root = _XML_ROOT.search(_NOT_ELEMENTS.sub("", _start(data) or ""))
    return root[1].rpartition(":")[2] if root else None


def describe(data: bytes) -> str:
    """Say what a file is that no reader knows: ``a PNG picture``, ``XML (HTML)``, ``text that begins with '...'``."""
    if not data:
        return "an empty file"
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    form = form_of(data)
    if form is Form.XML:
        root = xml_root_name(data)
        return _XML_NAMES.get((root or "").lower()) or (f"XML (<{escaped(root, 40)}>)" if root else "XML")
    if form in (Form.ZIP, Form.JSON):
        return str(form)
    start = _start(data)
    if start is not None and not start.strip(" \t\r\n\x00"):
        return "a file of blanks"
    if start is None or form is None:
        return "binary data"
    if _PAIR_OF_NUMBERS.fullmatch(_first_row(start)):
        return "pairs of numbers, as the files of a fence or a polygon have them"
    return f"text that begins with '{escaped(start.splitlines()[0].strip(), 40)}'"


def not_a_mission(data: bytes) -> FlightFormatError:
    """Return the error that says what a file is that no reader knows."""
    return FlightFormatError(f"{describe(data)}, not a mission that is read", hint=_HINT)


def not_a_mission_json(document: Node) -> FlightFormatError:
    """Return the error that says what a JSON document is that no reader knows."""
    if not isinstance(document.value, dict):
        return FlightFormatError("the document: a JSON list, expected a plan, a flight or GeoJSON", hint=_HINT)
    keys = ", ".join(f"'{escaped(key, 20)}'" for key in list(document.value)[:5]) or "no key"
    return FlightFormatError(
        f"the document: JSON with {keys}, neither a plan ('mission') nor a flight ('waypoints') nor GeoJSON ('type')",
        hint=_HINT,
    )


def _start(data: bytes) -> str | None:
    """Return the file's first characters without leading blanks, None where they are no text."""
    head = data[:4096]
    head = head.removeprefix(_UTF8_BOM).lstrip()
    if head.startswith(b"<"):
        return head.decode("latin-1")
    try:
        # What the first bytes cut in two at their end is no fault of the file's.
        return head.decode("utf-8", "strict" if len(data) < 4096 else "ignore")
    except UnicodeDecodeError:
        # Tables of older programs name their columns in ASCII and the rest in whatever the machine had.
        return head.decode("latin-1") if _is_plain(head) else None


def _first_row(text: str) -> str:
    """Return the first line that is no comment."""
    return next((line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")), "")


def _is_plain(head: bytes) -> bool:
    return not any(byte < 9 or 13 < byte < 32 for byte in head)
