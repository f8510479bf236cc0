"""What a survey and a corridor scan of QGroundControl share: the lines that are flown, as far as they are kept.

The order of trust: ``Items``, the mission items that are really flown; ``VisualTransectPoints``, the line that is drawn
on the map; and then, by the two kinds themselves, the ground that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from .._json_node import Node
from .mission_route import Route
from .qgc_camera import Altitude, distance_to_surface_m, planned_altitude, read_camera_calc
from .qgc_numbers import coordinate, metres, readable_places
from .qgc_versions import SAVE_AGAIN

_VERSIONS = (0, 1, 2)

ReadItem = Callable[[Node, Route, Altitude], None]
"""Reads one item of a mission, simple or complex; the altitude is for the places that have none themselves."""


def read_transects(transects: Node, route: Route, read_item: ReadItem) -> tuple[Altitude, float]:
    """Add what is flown, where it is kept; the caller sees by the route's length whether there was a place.

    Returns the planned altitude, and the metres that are flown beyond the ground.
    """
    version = transects.get("version")
    if version is not None and version.integer() not in _VERSIONS:
        raise version.error(f"{version.seen()}, expected at most {_VERSIONS[-1]}", hint=SAVE_AGAIN)
    calc = transects.get("CameraCalc")
    follows = transects.get("FollowTerrain")
    altitude = planned_altitude(calc, follows_terrain=follows is not None and follows.value is True)
    distance_to_surface_m(calc)
    route.plan_for(read_camera_calc(calc), place=transects.place)
    beyond_m = metres(transects.get("TurnAroundDistance"))
    before = len(route)
    flown = transects.get("Items")
    for item in flown.items() if flown is not None else ():
        read_item(item, route, altitude)
    drawn = transects.get("VisualTransectPoints")
    if len(route) > before:
        if drawn is not None:
            route.leave_out(drawn.place, readable_places(drawn), is_line=True)
        return altitude, beyond_m
    for point in drawn.items() if drawn is not None else ():
        lat_deg, lon_deg, _ = coordinate(point)
        route.add_place(point.place, lat_deg, lon_deg, *altitude)
    if len(route) > before:
        route.note(f"{transects.place}: no place in Items; read from its VisualTransectPoints.")
    return altitude, beyond_m
