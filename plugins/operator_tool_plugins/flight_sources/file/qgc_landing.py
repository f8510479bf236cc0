"""A landing pattern of QGroundControl, for fixed wings and VTOLs: a circle down to the approach, then the landing."""

from __future__ import annotations

from .._json_node import Node
from .mission_route import Route, radius_of
from .qgc_camera import relative_or_amsl
from .qgc_numbers import coordinate, metres
from .qgc_versions import SAVE_AGAIN, check_version


def read_landing_pattern(item: Node, route: Route, kind: str) -> None:
    """Add where the approach begins, with the circle that is flown there, and where the drone lands."""
    check_version(item, kind)
    approach = item.get("landingApproachCoordinate") or item.get("loiterCoordinate")
    if approach is None:
        raise item.error(f"a {kind} with neither landingApproachCoordinate nor loiterCoordinate", hint=SAVE_AGAIN)
    landing = item.require("landCoordinate", expected="[latitude, longitude, altitude]")
    circles = item.get("useLoiterToAlt")
    flies_straight = circles is not None and circles.value is False
    radius_m = 0.0 if flies_straight else radius_of(metres(item.get("loiterRadius")))
    if not flies_straight and not radius_m:
        route.circles_with_its_own_radius(approach.place)
    relative = item.get("altitudesAreRelative")
    for point, flag, circle_m in (
        (approach, "loiterAltitudeRelative", radius_m),
        (landing, "landAltitudeRelative", 0.0),
    ):
        lat_deg, lon_deg, alt_m = coordinate(point)
        alt_frame = relative_or_amsl(relative or item.get(flag))
        route.add_place(point.place, lat_deg, lon_deg, alt_m, alt_frame, loiter_radius_m=circle_m)
