"""waylines.wpml of a DJI mission: one folder for each line that is flown."""

from __future__ import annotations

from operator_tool.api import AltitudeFrame, NoRouteError

from .decimal_number import read_number
from .found import Found
from .lon_lat import LonLat
from .route_lines import RouteLines
from .wpml_mission import (
    FRAMES,
    MissionConfig,
    check_coordinates,
    document_of,
    finished,
    height_notes,
    read_height_m,
    read_mission_config,
    read_point,
)
from .xml_left_out import left_out_of
from .xml_tree import Element


def points_of(root: Element) -> bool:
    """True when a folder of the document has a placemark with a point."""
    return any(
        placemark.find_text("Point", "coordinates")
        for folder in document_of(root).every("Folder")
        for placemark in folder.every("Placemark")
    )


def read_waylines(root: Element, beside: MissionConfig, notes: tuple[str, ...]) -> Found:
    """Return what is flown; ``beside`` completes what the file says of the mission as a whole.

    Raises ``FlightFormatError`` naming the line, ``NoRouteError`` without a waypoint.
    """
    check_coordinates(root)
    config = read_mission_config(root).or_else(beside)
    taken: set[int] = set()
    lines = RouteLines()
    lon_lat = LonLat()
    modes: set[str] = set()
    said = list(notes)
    curves = 0
    for folder in document_of(root).every("Folder"):
        lines.begin()
        mode = folder.find_text("executeHeightMode")
        placemarks = list(folder.every("Placemark"))
        in_order = _by_index(placemarks)
        if in_order != placemarks:
            said.append(f"line {folder.line}: the waypoints are flown by their index, not as they stand in the file.")
        for placemark in in_order:
            point = read_point(placemark, lon_lat, taken)
            if point is None:
                continue
            curves += _is_curved(placemark)
            height_m = read_height_m(placemark.find("executeHeight"))
            if height_m is not None:
                modes.add(mode)
            frame = FRAMES.get(mode, AltitudeFrame.UNKNOWN)
            lines.add(point.position, height_m, frame, place=f"line {placemark.line}")
    if not len(lines):
        raise NoRouteError("no folder has a waypoint")
    if curves:
        said.append(
            f"At {curves:,} waypoint{'s' * (curves != 1)} the drone flies curves between the points; how far they reach"
            " beside the straight legs is not in the file, so the corridor has to cover it."
        )
    waypoints, way_back = finished(lines.waypoints(), config.finish_action)
    return Found(
        format="DJI WPML",
        waypoints=waypoints,
        home=config.home,
        returns_home=config.finish_action == "goHome",
        left_out=tuple(left_out_of(root, taken)),
        notes=(*said, *lines.notes(), *lon_lat.notes(), *height_notes(modes), *way_back),
    )


def _is_curved(placemark: Element) -> bool:
    """True when the legs at a waypoint are curves and not as straight as can be."""
    mode = placemark.find_text("waypointTurnParam", "waypointTurnMode")
    return mode.endswith("WithContinuityCurvature") and placemark.find_text("useStraightLine") == "0"


def _by_index(placemarks: list[Element]) -> list[Element]:
    """Return them by their ``<wpml:index>``, if each has its own; else as they stand."""
    numbered = []
    for placemark in placemarks:
        index = placemark.find("index")
        if index is None or not index.text:
            return placemarks
        numbered.append((read_number(index.text, place=index.place), placemark))
    if len({index for index, _ in numbered}) < len(numbered):
        return placemarks
    return [placemark for _, placemark in sorted(numbered, key=lambda pair: pair[0])]
