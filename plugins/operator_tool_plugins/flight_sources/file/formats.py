"""The formats of mission files: their names, how the content tells them apart, and who reads them.

A reader is imported when a file of its format is read, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from operator_tool.api import Flight, FlightFormatError, NoRouteError

from .._json_node import Node
from .._text import as_utf8
from .found import Found
from .sniffing import Form, describe, form_of, not_a_mission, not_a_mission_json, xml_root_name

if TYPE_CHECKING:
    from .xml_tree import Element

_KML_ROOTS = frozenset({"kml", "Document", "Folder", "Placemark"})
_PLAIN_XML_ROOTS = frozenset({"gpx", *_KML_ROOTS})
_AS_TOLD = "Leave --flight-format (file.format) out, and the file is read as what it is."


class Content:
    """The bytes of a file, and what they spell; parsed at most once, and only when it is asked for."""

    def __init__(self, data: bytes, source: str) -> None:
        self.data = as_utf8(data)
        self.source = source
        """What a flight of this file calls its source."""

    @cached_property
    def documents(self) -> list[Node]:
        """The root of a JSON document, or of each of those that stand in the file one after the other."""
        from .json_lines import parse_documents

        return parse_documents(self.data)

    @property
    def document(self) -> Node:
        """The root of the file's one JSON document."""
        if len(self.documents) > 1:
            raise FlightFormatError(f"{self.documents[1].path}: a second JSON document, expected one")
        return self.documents[0]

    @cached_property
    def root(self) -> Element:
        """The root element of an XML document."""
        from .xml_tree import parse_xml

        return parse_xml(self.data)


class FileFormat(msgspec.Struct, frozen=True, kw_only=True):
    """One format of mission files."""

    title: str
    forms: tuple[Form, ...]
    read: Callable[[Content], Found | Flight]
    """Raises ``FlightFormatError`` naming the place in the file, or ``NoRouteError``."""


def _flight_json(content: Content) -> Flight:
    from .flight_json import read_flight_json

    return read_flight_json(content.document, source=content.source)


def _qgc_plan(content: Content) -> Found:
    from .qgc_plan import read_plan

    return read_plan(content.document)


def _qgc_mission(content: Content) -> Found:
    from .qgc_mission import read_old_mission

    return read_old_mission(content.document)


def _wpl(content: Content) -> Found:
    from .wpl import read_wpl

    return read_wpl(content.data)


def _kml(content: Content) -> Found:
    from .kml import read_kml

    if content.root.name not in _KML_ROOTS:
        raise FlightFormatError(f"line {content.root.line}: <{content.root.name}>, expected <kml>")
    return read_kml(content.root)


def _kmz(content: Content) -> Found:
    from .kmz import read_kmz

    return read_kmz(content.data)


def _dji_wpml(content: Content) -> Found:
    from .wpml import read_wpml, read_wpml_document

    return read_wpml(content.data) if form_of(content.data) is Form.ZIP else read_wpml_document(content.root)


def _gpx(content: Content) -> Found:
    from .gpx import read_gpx

    if content.root.name != "gpx":
        raise FlightFormatError(f"line {content.root.line}: <{content.root.name}>, expected <gpx>")
    return read_gpx(content.root)


def _geojson(content: Content) -> Found:
    from .geojson import read_geojson

    return read_geojson(content.documents)


def _litchi_csv(content: Content) -> Found:
    from .litchi_csv import read_litchi_csv

    return read_litchi_csv(content.data)


FORMATS: Mapping[str, FileFormat] = {
    "flight-json": FileFormat(title="flight JSON", forms=(Form.JSON,), read=_flight_json),
    "qgc-plan": FileFormat(title="QGroundControl .plan", forms=(Form.JSON,), read=_qgc_plan),
    "qgc-mission": FileFormat(title="an old QGroundControl .mission", forms=(Form.JSON,), read=_qgc_mission),
    "wpl": FileFormat(title="QGC WPL", forms=(Form.TEXT,), read=_wpl),
    "kml": FileFormat(title="KML", forms=(Form.XML,), read=_kml),
    "kmz": FileFormat(title="KMZ", forms=(Form.ZIP,), read=_kmz),
    "dji-wpml": FileFormat(title="DJI WPML", forms=(Form.ZIP, Form.XML), read=_dji_wpml),
    "gpx": FileFormat(title="GPX", forms=(Form.XML,), read=_gpx),
    "geojson": FileFormat(title="GeoJSON", forms=(Form.JSON,), read=_geojson),
    "litchi-csv": FileFormat(title="Litchi CSV", forms=(Form.TEXT,), read=_litchi_csv),
}
"""By the name that ``--flight-format`` and the setting ``file.format`` give."""


def read_content(content: Content, format_name: str | None) -> Found | Flight:
    """Return what a file holds, read as the format of that name, or as what its content is where there is none."""
    if format_name is None:
        return FORMATS[recognised(content)].read(content)
    asked = FORMATS[format_name]
    fits = form_of(content.data) in asked.forms
    try:
        if fits:
            return asked.read(content)
    except (FlightFormatError, NoRouteError):
        if _seen(content) in (None, asked.title):
            raise  # it is no other format either: the reader's own words say most
    raise FlightFormatError(
        f"expected {asked.title}, as was asked for; this is {_seen(content) or describe(content.data)}", hint=_AS_TOLD
    )


def _seen(content: Content) -> str | None:
    """Return the title of the format that the content is, None where it is none of them."""
    try:
        return FORMATS[recognised(content)].title
    except FlightFormatError:
        return None


def recognised(content: Content) -> str:
    """Return the name of the format that the content is. Raises ``FlightFormatError`` where it is none of them."""
    form = form_of(content.data)
    name: str | None = None
    if form is Form.ZIP:
        from .kmz import what_is_in

        name = what_is_in(content.data)
    elif form is Form.XML:
        name = _recognised_xml(content)
    elif form is Form.JSON:
        names = {_recognised_json(document) for document in content.documents}
        name = names.pop() if len(names) == 1 else None
        if name is None:
            raise not_a_mission_json(content.documents[-1])
    elif form is Form.TEXT:
        name = _recognised_text(content.data)
    if name is None:
        raise not_a_mission(content.data)
    return name


def _recognised_xml(content: Content) -> str | None:
    if (xml_root_name(content.data) or "gpx") not in _PLAIN_XML_ROOTS:
        return None  # a web page, say, whose faults as XML are nobody's business
    if content.root.name == "gpx":
        return "gpx"
    if content.root.name not in _KML_ROOTS:
        return None
    from .wpml import is_wpml

    return "dji-wpml" if is_wpml(content.root) else "kml"


def _recognised_json(document: Node) -> str | None:
    members = document.value if isinstance(document.value, dict) else {}
    if members.get("fileType") == "Plan":
        return "qgc-plan"
    if members.get("fileType") == "Mission":
        return "qgc-mission"
    if "waypoints" in members:
        return "flight-json"
    from .geojson import TYPES

    kind = members.get("type")
    if isinstance(kind, str) and kind in TYPES:
        return "geojson"
    if "fileType" in members or "mission" in members:
        return "qgc-plan"
    if "items" in members and ("plannedHomePosition" in members or "complexItems" in members):
        return "qgc-mission"
    return None


def _recognised_text(data: bytes) -> str | None:
    from .wpl import is_wpl

    if is_wpl(data):
        return "wpl"
    from .table_columns import header_of

    return "litchi-csv" if header_of(data) else None
