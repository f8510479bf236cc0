"""DJI's WPML: an archive with waylines.wpml, which is flown, and template.kml, what was asked of the planner.

https://developer.dji.com/doc/cloud-api-tutorial/en/api-reference/dji-wpml/overview.html
"""

from __future__ import annotations

import msgspec

from operator_tool.api import FlightFormatError, LeftOut, NoRouteError

from .found import Found, as_left_out
from .wpml_mission import MissionConfig, read_mission_config
from .wpml_template import read_template
from .wpml_waylines import points_of, read_waylines
from .xml_tree import Element, parse_xml
from .zip_member import ZipMembers, within

_WAYLINES, _TEMPLATE = "waylines.wpml", "template.kml"
_NAMESPACE = "dji.com/wpmz"


def is_wpml(root: Element) -> bool:
    """True when a KML document speaks DJI's extension, in any of its versions."""
    return any(_NAMESPACE in value for name, value in root.attributes.items() if name.startswith("xmlns")) or bool(
        root.find("Document", "missionConfig")
    )


def is_wpml_name(name: str) -> bool:
    """True when an archive with a file of this name is a DJI mission."""
    folder, _, file = name.lower().rpartition("/")
    return file == _WAYLINES or (file == _TEMPLATE and folder.rpartition("/")[2] in ("", "wpmz"))


def read_wpml(data: bytes) -> Found:
    """Return what the archive's waylines say or, where they are missing or empty, its template.

    Raises ``FlightFormatError`` and ``NoRouteError`` naming the file in the archive.
    """
    members = ZipMembers(data)
    waylines = _named(members, _WAYLINES)
    template = _named(members, _TEMPLATE)
    if waylines is None and template is None:
        raise FlightFormatError(
            f"a ZIP archive with neither {_WAYLINES} nor {_TEMPLATE}, as a DJI mission has; it {members.described()}"
        )
    if waylines is not None:
        root = within(waylines, lambda: parse_xml(members.read(waylines)))
        if points_of(root):
            config, notes, left_out = _beside(members, template)
            found = within(waylines, lambda: read_waylines(root, config, notes))
            return msgspec.structs.replace(found, left_out=(*found.left_out, *left_out))
    if template is None:
        raise NoRouteError(f"{waylines}: no waypoint, and no {_TEMPLATE} beside it")
    why = f"{_WAYLINES} {'is missing' if waylines is None else 'has no waypoint'}"
    note = f"{why}: read from {_TEMPLATE}, what was asked of the planner. Fly it through DJI's planner for the lines."
    return within(template, lambda: read_template(parse_xml(members.read(template)), (note,)))


def read_wpml_document(root: Element) -> Found:
    """Return what a waylines.wpml or template.kml says that stands by itself."""
    if points_of(root) and any(
        folder.find("executeHeightMode") or folder.find("waylineId") for folder in root.descendants()
    ):
        return read_waylines(root, MissionConfig(), ())
    return read_template(root, ("A template alone: the lines that DJI's planner makes of it are not in the file.",))


def _beside(members: ZipMembers, template: str | None) -> tuple[MissionConfig, tuple[str, ...], tuple[LeftOut, ...]]:
    """Return what the template says of the mission as a whole, notes, and what it draws.

    It has the takeoff point where the waylines don't, and the ground that was asked for, which they need not reach.
    """
    if template is None:
        return MissionConfig(), (), ()
    try:
        root = parse_xml(members.read(template))
        config = read_mission_config(root)
    except FlightFormatError as error:
        return MissionConfig(), (f"{_TEMPLATE} beside the waylines can't be read ({error.message}).",), ()
    try:
        drawn = read_template(root, ())
    except (FlightFormatError, NoRouteError):
        return config, (), ()
    return config, (), (*as_left_out(drawn, _TEMPLATE), *drawn.left_out)


def _named(members: ZipMembers, file: str) -> str | None:
    """Return the member of this name that lies in wpmz/, else the shallowest."""
    found = [name for name in members.names if name.lower().rpartition("/")[2] == file]
    return min(found, key=lambda name: (name.lower() != f"wpmz/{file}", name.count("/")), default=None)
