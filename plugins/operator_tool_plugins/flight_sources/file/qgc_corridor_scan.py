"""A corridor scan of QGroundControl: lines beside a polyline."""

from __future__ import annotations

from .._json_node import Node
from .._position import check_position
from .mission_route import Route
from .offset_line import offset_line
from .qgc_numbers import metres, places, readable_places
from .qgc_transects import ReadItem, read_transects
from .qgc_versions import SAVE_AGAIN, check_version
from .rings import ground_polygon


def read_corridor_scan(item: Node, route: Route, read_item: ReadItem) -> None:
    """Add the lines that are flown, and where they are not kept the polyline, and the ground on both sides of it."""
    check_version(item, "CorridorScan")
    transects = item.require("TransectStyleComplexItem", expected="the corridor scan's lines")
    before = len(route)
    altitude, beyond_m = read_transects(transects, route, read_item)
    polyline = item.get("polyline")
    if len(route) > before:
        if polyline is not None:
            route.leave_out(polyline.place, readable_places(polyline), is_line=True)
        return
    line = [] if polyline is None else places(polyline)
    line = [place for i, place in enumerate(line) if i == 0 or place != line[i - 1]]
    if polyline is None or len(line) < 2:
        raise item.error("a CorridorScan with neither flown points nor a polyline", hint=SAVE_AGAIN)
    for lat_deg, lon_deg in line:
        route.add_place(polyline.place, lat_deg, lon_deg, *altitude)
    width_m = metres(item.get("CorridorWidth"))
    if width_m:
        rim = [*offset_line(line, width_m / 2, closed=False), *offset_line(line, -width_m / 2, closed=False)[::-1]]
        for lat_deg, lon_deg in rim:
            check_position(lat_deg, lon_deg, lat_place=polyline.place, lon_place=polyline.place)
        route.add_area(ground_polygon(rim, place=polyline.place, margin_m=beyond_m))
    route.note(f"{item.place}: a CorridorScan without its lines; read as its polyline and {width_m:g} m about it.")
