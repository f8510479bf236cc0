"""The complex items of a QGroundControl plan that hold what is flown: surveys, corridor scans, landing patterns."""

from __future__ import annotations

from collections.abc import Callable

from operator_tool.api import AltitudeFrame

from .._json_node import Node
from .._position import check_position
from .mavlink import MissionItem, Route

_VERSIONS = {
    "survey": (3, 4, 5),
    "CorridorScan": (1, 2),
    "fwLandingPattern": (1, 2),
    "vtolLandingPattern": (1,),
}
_TRANSECT_VERSIONS = (0, 1, 2)
_DISTANCE_MODES = {1: AltitudeFrame.TAKEOFF, 2: AltitudeFrame.AMSL, 3: AltitudeFrame.TERRAIN, 4: AltitudeFrame.TERRAIN}
"""CameraCalc's DistanceMode: QGroundControl's AltitudeMode numbers."""
_SAVE_AGAIN = "Open the plan in a current QGroundControl, let it recalculate the item, and save it again."


def read_transects(item: Node, route: Route, read_simple_item: Callable[[Node], MissionItem]) -> None:
    """Add a survey or corridor scan: the items that are really flown, else the line that QGroundControl draws."""
    kind = _check_version(item)
    transects = item.get("TransectStyleComplexItem")
    if transects is None:
        raise item.error(f"a {kind} without TransectStyleComplexItem holds no flown points", hint=_SAVE_AGAIN)
    version = transects.get("version")
    if version is not None and version.integer() not in _TRANSECT_VERSIONS:
        raise version.error(f"{version.seen()}, expected at most {_TRANSECT_VERSIONS[-1]}", hint=_SAVE_AGAIN)
    before = len(route)
    flown = transects.get("Items")
    for simple in flown.items() if flown is not None else ():
        route.add(read_simple_item(simple))
    if len(route) > before:
        return
    drawn = transects.get("VisualTransectPoints")
    points = drawn.items() if drawn is not None else []
    if not points:
        raise transects.error(f"a {kind} with neither a place in Items nor VisualTransectPoints", hint=_SAVE_AGAIN)
    alt_m, alt_frame = _survey_altitude(transects)
    for point in points:
        lat_deg, lon_deg, _ = _coordinate(point)
        route.add_place(point.place, lat_deg, lon_deg, alt_m, alt_frame)
    route.note(f"{item.place}: a {kind} without a place in Items; read from its VisualTransectPoints.")


def read_landing_pattern(item: Node, route: Route) -> None:
    """Add a landing pattern: where the approach begins, then where the drone lands."""
    kind = _check_version(item)
    approach = item.get("landingApproachCoordinate") or item.get("loiterCoordinate")
    if approach is None:
        raise item.error(f"a {kind} with neither landingApproachCoordinate nor loiterCoordinate", hint=_SAVE_AGAIN)
    landing = item.require("landCoordinate", expected="[latitude, longitude, altitude]")
    old_flags = {"landingApproachCoordinate": "", "loiterCoordinate": "loiterAltitudeRelative"}
    for point, old_flag in (
        (approach, old_flags[approach.path.rpartition(".")[2]]),
        (landing, "landingAltitudeRelative"),
    ):
        lat_deg, lon_deg, alt_m = _coordinate(point)
        relative = item.get("altitudesAreRelative") or (item.get(old_flag) if old_flag else None)
        alt_frame = _relative_or_amsl(relative)
        route.add_place(point.place, lat_deg, lon_deg, alt_m, alt_frame)


def _check_version(item: Node) -> str:
    kind = item.require("complexItemType").text()
    version = item.require("version", expected=_either(_VERSIONS[kind]))
    if version.integer() not in _VERSIONS[kind]:
        raise version.error(f"{kind} version {version.seen()}, expected {_either(_VERSIONS[kind])}", hint=_SAVE_AGAIN)
    return kind


def _either(versions: tuple[int, ...]) -> str:
    return " or ".join(map(str, versions))


def _coordinate(point: Node) -> tuple[float, float, float | None]:
    """Return latitude, longitude and, where it is given, altitude."""
    numbers = point.items()
    if len(numbers) not in (2, 3):
        raise point.error(f"{len(numbers)} numbers, expected [latitude, longitude, altitude]")
    lat, lon = numbers[:2]
    check_position(lat.number(), lon.number(), lat_place=lat.place, lon_place=lon.place)
    alt_m = numbers[2].number() if len(numbers) == 3 and numbers[2].value is not None else None
    return lat.number(), lon.number(), alt_m


def _survey_altitude(transects: Node) -> tuple[float | None, AltitudeFrame]:
    camera = transects.get("CameraCalc")
    distance = camera.get("DistanceToSurface") if camera is not None else None
    if camera is None or distance is None:
        return None, AltitudeFrame.UNKNOWN
    mode = camera.get("DistanceMode")
    if mode is not None:
        return distance.number(), _DISTANCE_MODES.get(mode.integer(), AltitudeFrame.UNKNOWN)
    follows = transects.get("FollowTerrain")
    if follows is not None and follows.value is True:
        return distance.number(), AltitudeFrame.TERRAIN
    return distance.number(), _relative_or_amsl(camera.get("DistanceToSurfaceRelative"))


def _relative_or_amsl(relative: Node | None) -> AltitudeFrame:
    if relative is None or not isinstance(relative.value, bool):
        return AltitudeFrame.UNKNOWN
    return AltitudeFrame.TAKEOFF if relative.value else AltitudeFrame.AMSL
