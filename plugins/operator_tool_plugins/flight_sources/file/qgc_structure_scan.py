"""A structure scan of QGroundControl: laps around a building or a mast. It never keeps the points that are flown."""

from __future__ import annotations

from itertools import pairwise

from operator_tool.api import AltitudeFrame

from .._json_node import Node
from .._position import check_position
from .mission_route import Route
from .offset_line import is_clockwise, offset_line
from .qgc_camera import Altitude, distance_to_surface_m, read_camera_calc, relative_or_amsl
from .qgc_numbers import metres, places
from .qgc_versions import check_version
from .rings import ground_polygon


def read_structure_scan(item: Node, route: Route) -> None:
    """Add one lap around the structure, at the camera's distance, and the structure's ground up to that distance."""
    check_version(item, "StructureScan")
    polygon = item.require("polygon", expected="the structure's corners")
    calc = item.get("CameraCalc")
    away_m = distance_to_surface_m(calc)
    route.plan_for(read_camera_calc(calc), place=item.place)
    area = ground_polygon(places(polygon), place=polygon.place, margin_m=away_m)
    corners = [corner for before, corner in pairwise((area.outer[-1], *area.outer)) if corner != before]
    # The lap lies to the left of a clockwise ring.
    lap = offset_line(corners, -away_m if is_clockwise(corners) else away_m, closed=True)
    altitude = _altitude(item, calc)
    for lat_deg, lon_deg in (*lap, lap[0]):
        check_position(lat_deg, lon_deg, lat_place=polygon.place, lon_place=polygon.place)
        route.add_place(polygon.place, lat_deg, lon_deg, *altitude)
    route.add_area(area)
    route.note(f"{item.place}: a StructureScan, read as one lap {away_m:g} m away from its polygon.")


def _altitude(item: Node, calc: Node | None) -> Altitude:
    """Return the altitude of the first lap: half a picture from where the scan begins."""
    old = item.get("Altitude")
    if old is not None:
        return old.number(), relative_or_amsl(item.get("altitudeRelative"))
    from_top = item.get("StartFromTop")
    starts_at_top = from_top is not None and from_top.value is True
    begins = item.get("StructureHeight" if starts_at_top else "ScanBottomAlt")
    if begins is None:
        return None, AltitudeFrame.UNKNOWN
    half_picture_m = 0.0 if calc is None else metres(calc.get("AdjustedFootprintFrontal")) / 2
    return begins.number() + (-half_picture_m if starts_at_top else half_picture_m), AltitudeFrame.TAKEOFF
