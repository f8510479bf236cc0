"""A survey of QGroundControl: parallel lines over a polygon."""

from __future__ import annotations

from .._json_node import Node
from .mission_route import Route
from .qgc_camera import Altitude, read_v3_camera, relative_or_amsl
from .qgc_numbers import metres, places, readable_places
from .qgc_transects import ReadItem, read_transects
from .qgc_versions import SAVE_AGAIN, check_version
from .rings import ground_polygon


def read_survey(item: Node, route: Route, read_item: ReadItem) -> None:
    """Add the lines that are flown, and where they are not kept the polygon: its rim to the route, and its ground.

    Up to version 3 the lines were never kept.
    """
    check_version(item, "survey")
    transects = item.get("TransectStyleComplexItem")
    before = len(route)
    if transects is not None:
        altitude, beyond_m = read_transects(transects, route, read_item)
        if len(route) > before:
            ground = item.get("polygon")
            if ground is not None:
                rim = readable_places(ground)
                route.leave_out(ground.place, [*rim, *rim[:1]], is_line=True)
            return
    else:
        grid = item.get("grid")
        altitude = _grid_altitude(grid)
        beyond_m = 0.0 if grid is None else metres(grid.get("turnAroundDistance"))
        route.plan_for(read_v3_camera(item), place=item.place)
    polygon = item.get("polygon")
    if polygon is None:
        raise item.error("a survey with neither flown points nor a polygon", hint=SAVE_AGAIN)
    area = ground_polygon(places(polygon), place=polygon.place, margin_m=beyond_m)
    for lat_deg, lon_deg in (*area.outer, area.outer[0]):
        route.add_place(polygon.place, lat_deg, lon_deg, *altitude)
    route.add_area(area)
    beyond = f" and {beyond_m:g} m beyond it" if beyond_m else ""
    route.note(f"{item.place}: a survey without its lines; read as its polygon{beyond}, wherever the lines may be.")


def _grid_altitude(grid: Node | None) -> Altitude:
    altitude = None if grid is None else grid.get("altitude")
    relative = None if grid is None else grid.get("relativeAltitude")
    return (None if altitude is None else altitude.number()), relative_or_amsl(relative)
