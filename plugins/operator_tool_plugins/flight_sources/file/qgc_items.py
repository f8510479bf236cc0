"""The items of a QGroundControl mission, simple and complex, in a plan and in the older .mission alike."""

from __future__ import annotations

from msgspec.structs import replace

from operator_tool.api import AltitudeFrame

from .._json_node import Node
from .mission_route import Route
from .qgc_camera import Altitude
from .qgc_corridor_scan import read_corridor_scan
from .qgc_landing import read_landing_pattern
from .qgc_simple_item import read_simple_item
from .qgc_structure_scan import read_structure_scan
from .qgc_survey import read_survey

_SIMPLE = frozenset({"SimpleItem", "missionItem"})
_NO_ALTITUDE: Altitude = (None, AltitudeFrame.UNKNOWN)


def read_item(item: Node, route: Route, altitude: Altitude = _NO_ALTITUDE) -> None:
    """Add what an item flies; ``altitude`` is for the places that have none themselves.

    Raises ``FlightFormatError`` naming the place.
    """
    if item.get("type") is None and item.get("command") is not None:
        # Mission Planner leaves the type null.
        _add_simple(item, route, altitude)
        return
    kind = item.require("type", expected="'SimpleItem' or 'ComplexItem'")
    if kind.text() in _SIMPLE:
        _add_simple(item, route, altitude)
    elif kind.text() == "ComplexItem":
        _read_complex(item, item.require("complexItemType", expected="the kind of the complex item"), route)
    elif kind.text() == "survey":
        # The first missions with surveys named the kind in ``type``.
        _read_complex(item, kind, route)
    else:
        raise kind.error(f"{kind.seen()}, expected 'SimpleItem' or 'ComplexItem'")


def _read_complex(item: Node, kind: Node, route: Route) -> None:
    match kind.text():
        case "survey":
            read_survey(item, route, read_item)
        case "CorridorScan":
            read_corridor_scan(item, route, read_item)
        case "StructureScan":
            read_structure_scan(item, route)
        case "fwLandingPattern" | "vtolLandingPattern" as landing:
            read_landing_pattern(item, route, landing)
        case _:
            raise kind.error(
                f"{kind.seen()} items can't be read",
                hint="In QGroundControl, replace the item by waypoints or a survey, and save the plan again.",
            )


def _add_simple(item: Node, route: Route, altitude: Altitude) -> None:
    simple = read_simple_item(item)
    alt_m, alt_frame = altitude
    if simple.alt_m is None and alt_m is not None:
        simple = replace(simple, alt_m=alt_m, alt_frame=alt_frame)
    route.add(simple)
