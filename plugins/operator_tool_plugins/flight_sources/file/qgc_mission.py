"""The .mission files that QGroundControl wrote before it had plans, up to version 3.1: a mission without its fences.

Version 1 (``"1.0"``) keeps surveys apart, in ``complexItems``; every item has the number of its place in the mission,
``id``. Version 2 has one list, as a plan does.
"""

from __future__ import annotations

from operator_tool.api import NoRouteError

from .._json_node import Node
from .found import Found
from .mission_route import Route
from .qgc_items import read_item
from .qgc_numbers import home_position

_VERSIONS = (1, 2, "1.0", "1", "2")
_LAST = 1 << 53
"""Greater than any number of an item."""


def read_old_mission(document: Node) -> Found:
    """Return what a mission holds: route, areas, home and camera.

    Raises ``FlightFormatError`` naming the place, ``NoRouteError`` when no item is a place.
    """
    file_type = document.get("fileType")
    if file_type is not None and file_type.value != "Mission":
        raise file_type.error(f"{file_type.seen()}, expected 'Mission'")
    version = document.get("version")
    if version is not None and (version.value is True or version.value not in _VERSIONS):
        raise version.error(f"{version.seen()}, expected 1 or 2")
    items = document.require("items", expected="the list of mission items")
    apart = document.get("complexItems")
    listed = _in_order(items.items(), [] if apart is None else apart.items())
    if not listed:
        raise NoRouteError(f"{items.place}: 0 items")
    route = Route()
    for item in listed:
        read_item(item, route)
    return route.found(
        "QGC .mission",
        listed=f"{items.place}: {len(listed)} item{'s' * (len(listed) != 1)}",
        home=home_position(document.get("plannedHomePosition")),
    )


def _in_order(simple: list[Node], apart: list[Node]) -> list[Node]:
    """Return all items as they are flown: one that was kept apart before the first that has a greater number."""
    listed: list[Node] = []
    waiting = sorted(((_number(item), item) for item in apart), key=lambda numbered: numbered[0])
    for item in simple:
        number = _number(item)
        while waiting and number < _LAST and waiting[0][0] < number:
            listed.append(waiting.pop(0)[1])
        listed.append(item)
    return [*listed, *(item for _, item in waiting)]


def _number(item: Node) -> int:
    """Return an item's number; one without comes last."""
    number = item.get("id")
    return _LAST if number is None else number.integer()
