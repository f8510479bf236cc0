"""What both files of a DJI mission say in the same way: the takeoff point, the end of the mission, heights, points."""

from __future__ import annotations

import msgspec

from operator_tool.api import AltitudeFrame, FlightFormatError, HomePosition, Waypoint

from .._escaping import escaped
from .._payload import MAX_WAYPOINTS
from .._position import check_position
from .._qualifiers import Qualifier, is_wgs84
from .decimal_number import read_degrees, read_number
from .kml_coordinates import Coordinate, read_coordinates
from .lon_lat import LonLat
from .xml_tree import Element

FRAMES = {
    "relativeToStartPoint": AltitudeFrame.TAKEOFF,
    "realTimeFollowSurface": AltitudeFrame.TERRAIN,
    "aboveGroundLevel": AltitudeFrame.TERRAIN,
    "EGM96": AltitudeFrame.AMSL,
}
"""By executeHeightMode and heightMode. WGS84, a height above the ellipsoid, is none of ours."""


class MissionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What ``<wpml:missionConfig>`` says of the mission as a whole."""

    home: HomePosition | None = None
    finish_action: str = ""

    def or_else(self, other: MissionConfig) -> MissionConfig:
        """Return this, completed by the other."""
        return MissionConfig(home=self.home or other.home, finish_action=self.finish_action or other.finish_action)


def read_mission_config(root: Element) -> MissionConfig:
    """Return it, empty where there is none. Raises ``FlightFormatError`` naming the line."""
    config = document_of(root).find("missionConfig")
    if config is None:
        return MissionConfig()
    point = config.find("takeOffRefPoint")
    return MissionConfig(
        home=_home(point) if point is not None else None, finish_action=config.find_text("finishAction")
    )


def document_of(root: Element) -> Element:
    """Return what holds the mission's configuration and its folders."""
    return root.find("Document") or root


def check_coordinates(root: Element) -> None:
    """Raise ``FlightFormatError`` where the positions are in another system than WGS 84, the only one of the format."""
    for element in root.descendants():
        if element.name == "coordinateMode" and element.text and not is_wgs84(element.text):
            raise FlightFormatError(f"{element.place}: '{escaped(element.text, 40)}', expected WGS84")


def read_point(placemark: Element, lon_lat: LonLat, taken: set[int]) -> Coordinate | None:
    """Return a placemark's one position; None where it has none. Raises ``FlightFormatError`` naming the line.

    The id of what has it is added to ``taken``.
    """
    coordinates = placemark.find("Point", "coordinates")
    taken.add(id(coordinates))
    positions = list(read_coordinates(coordinates, lon_lat))
    if len(positions) > 1 and coordinates is not None:
        raise FlightFormatError(f"{coordinates.place}: {len(positions)} positions, expected one for a waypoint")
    return positions[0] if positions else None


def read_height_m(element: Element | None) -> float | None:
    """Return a height, None where it is missing or empty. Raises ``FlightFormatError`` naming the line."""
    return read_number(element.text, place=element.place) if element is not None and element.text else None


def height_notes(modes: set[str]) -> list[str]:
    """Return what is to be said of height modes that are none of ours."""
    notes = []
    if "WGS84" in modes:
        notes.append("Heights are above the WGS 84 ellipsoid: neither above the ground nor above mean sea level.")
    notes += [
        f"Height mode '{escaped(mode, 40)}' is not known: the height above the ground isn't either."
        for mode in sorted(modes - {"WGS84"} - FRAMES.keys())[:5]
    ]
    return notes


def finished(waypoints: tuple[Waypoint, ...], finish_action: str) -> tuple[tuple[Waypoint, ...], tuple[str, ...]]:
    """Return the route with the way back to its first waypoint, where the mission ends with it."""
    if finish_action != "gotoFirstWaypoint" or len(waypoints) in (1, MAX_WAYPOINTS):
        return waypoints, ()
    back = msgspec.structs.replace(waypoints[0], ordinal=len(waypoints))
    return (*waypoints, back), ("At the end the drone flies back to the first waypoint, which stands twice so.",)


def _home(point: Element) -> HomePosition | None:
    """Return the takeoff point: latitude first here, then longitude; its height is above the ellipsoid, so none."""
    numbers = [part.strip() for part in point.text.split(",", 3)]
    if not any(numbers):
        return None
    if len(numbers) not in (2, 3):
        raise FlightFormatError(f"{point.place}: '{escaped(point.text, 60)}', expected latitude,longitude,height")
    lat_place, lon_place = f"{point.place}: latitude", f"{point.place}: longitude"
    lat_deg = read_degrees(numbers[0], place=lat_place, half=Qualifier.LAT_HALF).value
    lon_deg = read_degrees(numbers[1], place=lon_place, half=Qualifier.LON_HALF).value
    if lat_deg == 0 and lon_deg == 0:
        return None
    check_position(lat_deg, lon_deg, lat_place=lat_place, lon_place=lon_place)
    return HomePosition(lat_deg=lat_deg, lon_deg=lon_deg)
