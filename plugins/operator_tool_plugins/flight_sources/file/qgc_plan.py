"""QGroundControl's .plan: JSON, latitude before longitude everywhere.

https://docs.qgroundcontrol.com/master/en/qgc-dev-guide/file_formats/plan.html
"""

from __future__ import annotations

from operator_tool.api import AltitudeFrame, NoRouteError, Waypoint

from .._json_node import Node
from .mavlink import MissionItem, Route, loiter_radius_m
from .qgc_complex_items import read_landing_pattern, read_transects

_PLAN_VERSION = 1
_MISSION_VERSION = 2
_SIMPLE = frozenset({"SimpleItem", "missionItem"})
_CALCULATED_ABOVE_TERRAIN = 3
"""QGroundControl's AltitudeMode of a height above ground that it turned into one above sea level."""


def read_plan(document: Node) -> tuple[tuple[Waypoint, ...], tuple[str, ...]]:
    """Return the route and the notes of a plan.

    Raises ``FlightFormatError`` naming the place, ``NoRouteError`` when no item is a place. The planned home position
    is no waypoint.
    """
    file_type = document.require("fileType", expected="'Plan'")
    if file_type.value != "Plan":
        raise file_type.error(f"{file_type.seen()}, expected 'Plan'")
    _require_version(document, _PLAN_VERSION)
    mission = document.require("mission", expected="the mission's items")
    _require_version(mission, _MISSION_VERSION)
    items = mission.require("items", expected="the list of mission items")
    listed = items.items()
    if not listed:
        raise NoRouteError(f"{items.place}: 0 items")
    route = Route()
    for item in listed:
        _read_item(item, route)
    count = f"{len(listed)} item{'s' * (len(listed) != 1)}"
    return route.waypoints(f"{items.place}: {count}"), route.notes()


def _require_version(node: Node, expected: int) -> None:
    version = node.require("version", expected=str(expected))
    if version.integer() != expected:
        raise version.error(f"{version.seen()}, expected {expected}")


def _read_item(item: Node, route: Route) -> None:
    kind = item.require("type", expected="'SimpleItem' or 'ComplexItem'")
    if kind.text() in _SIMPLE:
        route.add(read_simple_item(item))
        return
    if kind.text() != "ComplexItem":
        raise kind.error(f"{kind.seen()}, expected 'SimpleItem' or 'ComplexItem'")
    complex_kind = item.require("complexItemType", expected="the kind of the complex item")
    if complex_kind.text() in {"survey", "CorridorScan"}:
        read_transects(item, route, read_simple_item)
    elif complex_kind.text() in {"fwLandingPattern", "vtolLandingPattern"}:
        read_landing_pattern(item, route)
    else:
        raise complex_kind.error(
            f"{complex_kind.seen()} items can't be read yet",
            hint="In QGroundControl, replace the item by waypoints or a survey, and save the plan again.",
        )


def read_simple_item(item: Node) -> MissionItem:
    """Return a simple item of either layout: ``params`` of 7, or 4 with a ``coordinate``."""
    command = item.require("command", expected="a MAV_CMD number").integer()
    params = item.require("params", expected="a list of 7 numbers")
    numbers = [_number_or_keep(param) for param in params.items()]
    if len(numbers) == 7:
        position = params
        first = 4
    elif len(numbers) == 4:
        position = item.require("coordinate", expected="[latitude, longitude, altitude] beside 4 params")
        first = 0
        numbers += [_number_or_keep(value) for value in position.items()]
        if len(numbers) != 7:
            raise position.error(f"{len(numbers) - 4} numbers, expected 3")
    else:
        raise params.error(f"{len(numbers)} numbers, expected 7")
    alt_m, alt_frame = _altitude(item, numbers[6])
    return MissionItem(
        place=item.place,
        command=command,
        frame=item.require("frame", expected="a MAV_FRAME number").integer(),
        lat_deg=numbers[4],
        lon_deg=numbers[5],
        alt_m=alt_m,
        alt_frame=alt_frame,
        loiter_radius_m=loiter_radius_m(command, numbers[:4]),
        lat_place=position.at(None, first).place,
        lon_place=position.at(None, first + 1).place,
        frame_place=f"{item.place}.frame",
    )


def _number_or_keep(node: Node) -> float | None:
    """Return a number, or None for null, by which QGroundControl writes NaN."""
    return None if node.value is None else node.number()


def _altitude(item: Node, param_m: float | None) -> tuple[float | None, AltitudeFrame | None]:
    """Return the altitude, and what it is measured from where that is not the frame's."""
    mode = item.get("AltitudeMode")
    typed = item.get("Altitude")
    if mode is not None and mode.value == _CALCULATED_ABOVE_TERRAIN:
        calculated = item.get("AMSLAltAboveTerrain")
        if param_m is None and calculated is not None:
            return calculated.number(), AltitudeFrame.AMSL
        if param_m is None and typed is not None:
            return typed.number(), AltitudeFrame.TERRAIN
        return param_m, AltitudeFrame.AMSL
    if param_m is None and typed is not None:
        return typed.number(), None
    return param_m, None
