"""A flight as the flights service and the tool's own flight JSON spell it: one parser, and the same errors for both.

::

    {"id": "F-12", "name": "Ridge", "waypoints": [
        {"ordinal": 0, "lat": 48.1, "lon": 11.5, "alt_m": 120, "alt_frame": "takeoff", "objective": "start"}, ...]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from operator_tool.api import AltitudeFrame, Flight, LeftOut, NoRouteError, Waypoint

from ._escaping import escaped
from ._json_left_out import geometries_in, positions_in
from ._json_node import Node
from ._json_said import said_in
from ._position import check_position
from ._qualifiers import Degrees, Qualifier, Said, metres_per_unit, placed

MAX_WAYPOINTS = 65_535
"""A MAVLink mission counts its items in 16 bits."""
_MEMBERS_NAMED = 12
_FRAMES = ", ".join(frame.value for frame in AltitudeFrame)


class FieldNames(msgspec.Struct, frozen=True, kw_only=True):
    """How a payload spells a flight's fields; a dot steps into an object, as in ``position.lat``."""

    id: str = "id"
    name: str = "name"
    waypoints: str = "waypoints"
    ordinal: str = "ordinal"
    lat: str = "lat"
    lon: str = "lon"
    alt_m: str = "alt_m"
    alt_frame: str = "alt_frame"
    objective: str = "objective"
    source: str = "source"


def parse_flight(
    document: Node,
    *,
    source: str,
    format_name: str = "flight JSON",
    names: FieldNames | None = None,
    waypoints: Node | None = None,
) -> Flight:
    """Return the flight that a payload spells.

    ``waypoints`` is the second document of a service that gives them apart: a bare list, or an object that holds the
    list. Raises ``FlightFormatError`` naming the path, ``NoRouteError`` when the list is empty.
    """
    names = names or FieldNames()
    flight_id = _label(_require(document, names.id, "the flight's id"))
    if not flight_id:
        raise _require(document, names.id, "").error("empty, expected the flight's id")
    name = _find(document, names.name)
    if waypoints is None:
        listed = _require(document, names.waypoints, "the list of waypoints")
    else:
        bare = isinstance(waypoints.value, list)
        listed = waypoints if bare else _require(waypoints, names.waypoints, "the list of waypoints")
    said = said_in(document, but=mapped(names))
    if waypoints is not None:
        said += said_in(waypoints, but=mapped(names))
    route, notes, taken = _parse_route(listed, names, said)
    left_out = [one for root in (document, waypoints) if root is not None for one in _left_out(root, taken)]
    return Flight(
        id=flight_id,
        name=flight_id if name is None else _label(name),
        source=source,
        format=format_name,
        waypoints=route,
        left_out=tuple(left_out),
        notes=notes,
    )


def mapped(names: FieldNames) -> frozenset[str]:
    """Return the names of members, whole or of their last step, that are read as fields."""
    dotted = msgspec.structs.astuple(names)
    return frozenset(dotted) | frozenset(one.rpartition(".")[2] for one in dotted)


def _left_out(document: Node, taken: set[int]) -> Iterator[LeftOut]:
    yield from geometries_in(document, taken)
    yield from positions_in(document, taken)


def _parse_route(
    listed: Node, names: FieldNames, said: tuple[Said, ...]
) -> tuple[tuple[Waypoint, ...], tuple[str, ...], set[int]]:
    """Return the waypoints, notes, and the ids of the objects that have their positions."""
    items = listed.items()
    if not items:
        raise NoRouteError(f"{listed.place}: 0 waypoints")
    if len(items) > MAX_WAYPOINTS:
        raise listed.error(f"{len(items):,} waypoints, at most {MAX_WAYPOINTS:,}")
    by_ordinal: dict[int, Waypoint] = {}
    taken: set[int] = set()
    own = mapped(names)
    for item in items:
        lat = _require(item, names.lat, "degrees")
        holder = _holder(item, names.lat)
        taken.update((id(item.value), id(holder.value), id(_holder(item, names.lon).value)))
        here = said_in(item, but=own)
        waypoint = _parse_waypoint(
            item, names, lat, (*said, *here, *(said_in(holder, but=own) if holder != item else ()))
        )
        if waypoint.ordinal in by_ordinal or not 0 <= waypoint.ordinal < len(items):
            expected = next(ordinal for ordinal in range(len(items)) if ordinal not in by_ordinal)
            raise _require(item, names.ordinal, "").error(
                f"{waypoint.ordinal}, expected {expected}: ordinals run from 0 without a gap or a double"
            )
        by_ordinal[waypoint.ordinal] = waypoint
    notes = []
    if list(by_ordinal) != list(range(len(items))):
        notes.append(f"{listed.place}: not listed in the order of their ordinals; the ordinals count.")
    flat = sum(waypoint.alt_m is None for waypoint in by_ordinal.values())
    if flat:
        notes.append(f"{listed.place}: {flat} of {len(items)} waypoints have no altitude.")
    return tuple(by_ordinal[ordinal] for ordinal in range(len(items))), tuple(notes), taken


def _holder(item: Node, dotted: str) -> Node:
    """Return the object that has the member at the end of the path."""
    holder = _find(item, dotted.rpartition(".")[0]) if "." in dotted else None
    return item if holder is None else holder


def _parse_waypoint(item: Node, names: FieldNames, lat: Node, said: tuple[Said, ...]) -> Waypoint:
    ordinal = _require(item, names.ordinal, "a whole number from 0")
    lon = _require(item, names.lon, "degrees")
    check_position(lat.number(), lon.number(), lat_place=lat.place, lon_place=lon.place)
    lat_deg, lon_deg = lat.number(), lon.number()
    if said:
        lat_deg, lon_deg = placed(Degrees(lat_deg, is_positive=False), Degrees(lon_deg, is_positive=False), said)
    alt = _find(item, names.alt_m)
    objective = _find(item, names.objective)
    origin = _find(item, names.source)
    return Waypoint(
        ordinal=ordinal.integer(),
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        alt_m=None if alt is None else _metres(alt, names.alt_m, said),
        alt_frame=_altitude_frame(_find(item, names.alt_frame)),
        objective=None if objective is None else _label(objective),
        source=item.place if origin is None else _label(origin),
    )


def _metres(alt: Node, name: str, said: tuple[Said, ...]) -> float:
    """Return an altitude, in the unit that a member beside it says."""
    metres = alt.number()
    for one in said:
        if one.qualifier is Qualifier.ALT_UNIT:
            factor = metres_per_unit(one)
            if factor != 1.0 and name.lower().endswith("_m"):
                raise alt.error(f"{one.place} says '{escaped(one.text, 40)}', and the name says metres")
            metres *= factor
    return metres


def _altitude_frame(node: Node | None) -> AltitudeFrame:
    if node is None:
        return AltitudeFrame.UNKNOWN
    try:
        return AltitudeFrame(node.text())
    except ValueError:
        raise node.error(f"{node.seen()}, expected one of {_FRAMES}") from None


def _label(node: Node) -> str:
    """Return a text for people, escaped; services count some of these with whole numbers."""
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return str(node.value)
    return escaped(node.text())


def _find(node: Node, dotted: str) -> Node | None:
    found: Node | None = node
    for key in dotted.split("."):
        if found is None:
            return None
        found = found.get(key)
    return found


def _require(node: Node, dotted: str, expected: str) -> Node:
    for key in dotted.split("."):
        members = node.members()
        if members and key not in members:
            raise node.at(None, key).error(f"missing, expected {expected}; what is there: {_named(members)}")
        node = node.require(key, expected=expected)
    return node


def _named(members: Mapping[str, object]) -> str:
    """Name members, so that an operator sees how the service calls what is looked for."""
    more = len(members) - _MEMBERS_NAMED
    names = [escaped(name, 40) for name in list(members)[:_MEMBERS_NAMED]]
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")
