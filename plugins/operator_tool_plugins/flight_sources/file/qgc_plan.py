"""QGroundControl's .plan: JSON, latitude before longitude everywhere.

https://docs.qgroundcontrol.com/master/en/qgc-dev-guide/file_formats/plan.html
"""

from __future__ import annotations

from operator_tool.api import NoRouteError

from .._json_node import Node
from .found import Found
from .mission_route import Route
from .qgc_fences import read_fences, read_rally_points
from .qgc_items import read_item
from .qgc_numbers import home_position

_PLAN_VERSION = 1
_MISSION_VERSION = 2
_MISSION_PLANNER = "MissionPlanner"
"""Writes the same, but leaves the file's type null and the mission's version 0."""


def read_plan(document: Node) -> Found:
    """Return what a plan holds: route, areas, home, fences, rally points and camera.

    Raises ``FlightFormatError`` naming the place, ``NoRouteError`` when no item is a place.
    """
    from_mission_planner = document.members().get("groundStation") == _MISSION_PLANNER
    if not from_mission_planner or document.get("fileType") is not None:
        file_type = document.require("fileType", expected="'Plan'")
        if file_type.value != "Plan":
            raise file_type.error(f"{file_type.seen()}, expected 'Plan'")
    _require_version(document, _PLAN_VERSION)
    mission = document.require("mission", expected="the mission's items")
    if not from_mission_planner or mission.members().get("version") != 0:
        _require_version(mission, _MISSION_VERSION)
    items = mission.require("items", expected="the list of mission items")
    listed = items.items()
    route = Route()
    fences = read_fences(document, route)
    rally_points = read_rally_points(document)
    if not listed:
        raise NoRouteError(f"{items.place}: 0 items")
    for item in listed:
        read_item(item, route)
    return route.found(
        "QGC .plan",
        listed=f"{items.place}: {len(listed)} item{'s' * (len(listed) != 1)}",
        home=home_position(mission.get("plannedHomePosition")),
        fences=fences,
        rally_points=rally_points,
    )


def _require_version(node: Node, expected: int) -> None:
    version = node.require("version", expected=str(expected))
    if version.integer() != expected:
        raise version.error(f"{version.seen()}, expected {expected}")
