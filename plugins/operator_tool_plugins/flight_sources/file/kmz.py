"""KMZ: a ZIP archive with a KML at its top; and whether an archive is that or a DJI mission, which ends in .kmz too."""

from __future__ import annotations

from typing import Literal

import msgspec

from operator_tool.api import FlightFormatError, LeftOut, NoRouteError

from .._escaping import escaped
from .found import Found, as_left_out
from .kml import read_kml
from .wpml import is_wpml, is_wpml_name, read_wpml_document
from .xml_tree import parse_xml
from .zip_member import ZipMembers, within

_LOOKED_INTO = 8
"""How many other documents of an archive are read to say what was left out."""


def what_is_in(data: bytes) -> Literal["kmz", "dji-wpml"]:
    """Return what an archive is, by the names in it; ``kmz`` may stand for any other. Raises ``FlightFormatError``."""
    return "dji-wpml" if any(map(is_wpml_name, ZipMembers(data).names)) else "kmz"


def read_kmz(data: bytes) -> Found:
    """Return what the archive's first KML holds. Raises ``FlightFormatError``, ``NoRouteError`` naming it."""
    members = ZipMembers(data)
    documents = [name for name in members.names if name.lower().endswith(".kml")]
    if not documents:
        raise FlightFormatError(f"a ZIP archive without a .kml; it {members.described()}")
    # The format asks for the first at the top, which by custom is doc.kml; an archive of a folder has it one deeper.
    name = min(documents, key=lambda name: (name.count("/"), name.lower() != "doc.kml"))
    found = within(name, lambda: _read_document(members.read(name)))
    notes, left_out = list(found.notes), list(found.left_out)
    others = [other for other in documents if other != name]
    if others:
        notes.append(
            f"Read from {escaped(name, 60)} in the archive; {len(others):,} other .kml "
            f"file{'s' * (len(others) != 1)} left out."
        )
        for other in others[:_LOOKED_INTO]:
            left_out += _beside(members, other)
        if len(others) > _LOOKED_INTO:
            notes.append(f"What lies in {len(others) - _LOOKED_INTO:,} of them was not looked at.")
    form = "KMZ" if found.format == "KML" else found.format
    return msgspec.structs.replace(found, format=form, left_out=tuple(left_out), notes=tuple(notes))


def _beside(members: ZipMembers, name: str) -> tuple[LeftOut, ...]:
    """Return what another document of the archive draws, nothing where it can't be read."""
    try:
        found = _read_document(members.read(name))
    except (FlightFormatError, NoRouteError):
        return ()
    return (*as_left_out(found, escaped(name, 60)), *found.left_out)


def _read_document(data: bytes) -> Found:
    root = parse_xml(data)
    if root.name not in ("kml", "Document", "Folder", "Placemark"):
        raise FlightFormatError(f"line {root.line}: <{escaped(root.name, 40)}>, expected <kml>")
    return read_wpml_document(root) if is_wpml(root) else read_kml(root)
