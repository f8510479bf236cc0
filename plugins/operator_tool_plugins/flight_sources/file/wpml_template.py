"""template.kml of a DJI mission: waypoints, areas, strips, of which DJI's planner makes the lines that are flown."""

from __future__ import annotations

from collections import Counter

from operator_tool.api import AltitudeFrame, GroundPolygon, NoRouteError, Place

from .found import Found
from .kml_coordinates import Coordinate, read_coordinates
from .lon_lat import LonLat
from .rings import ground_polygon
from .route_lines import RouteLines
from .wpml_mission import (
    FRAMES,
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

_AREA_TYPES = frozenset({"mapping2d", "mapping3d", "mappingObject"})


def read_template(root: Element, notes: tuple[str, ...]) -> Found:
    """Return the waypoints, or the areas with their rims as the route.

    Raises ``FlightFormatError`` naming the line, ``NoRouteError`` where there is nothing to fly over.
    """
    check_coordinates(root)
    config = read_mission_config(root)
    reader = _TemplateReader()
    for folder in document_of(root).every("Folder"):
        reader.read_folder(folder)
    if not len(reader.lines):
        raise NoRouteError("no folder has a waypoint, an area or a strip")
    waypoints, way_back = finished(reader.lines.waypoints(), config.finish_action)
    said = [
        *notes,
        *reader.lines.notes(),
        *reader.lon_lat.notes(),
        *height_notes(reader.modes),
        *reader.notes(),
        *way_back,
    ]
    return Found(
        format="DJI WPML",
        waypoints=waypoints,
        areas=tuple(reader.areas),
        home=config.home,
        returns_home=config.finish_action == "goHome",
        left_out=tuple(left_out_of(root, reader.taken)),
        notes=tuple(said),
    )


class _TemplateReader:
    def __init__(self) -> None:
        self.lines = RouteLines()
        self.lon_lat = LonLat()
        self.areas: list[GroundPolygon] = []
        self.modes: set[str] = set()
        self.taken: set[int] = set()
        """The ids of the elements with coordinates that were read."""
        self._kinds: Counter[str] = Counter()

    def read_folder(self, folder: Element) -> None:
        kind = folder.find_text("templateType")
        self._kinds[kind] += 1
        mode = folder.find_text("waylineCoordinateSysParam", "heightMode")
        self.lines.begin()
        for placemark in folder.every("Placemark"):
            height_m, frame = _height_m(placemark, folder, mode)
            before = len(self.lines)
            if placemark.find("Polygon"):
                self._read_area(placemark, height_m, frame)
            elif placemark.find("LineString"):
                self._read_strip(placemark, height_m, frame)
            elif point := read_point(placemark, self.lon_lat, self.taken):
                self.lines.add(point.position, height_m, frame, place=f"line {placemark.line}")
            if height_m is not None and frame is AltitudeFrame.UNKNOWN and len(self.lines) > before:
                self.modes.add(mode)

    def notes(self) -> list[str]:
        """Return what is to be said of areas and strips."""
        notes = []
        if self._kinds.keys() & _AREA_TYPES:
            notes.append(
                "The areas stand for lines that are not known, which for oblique pictures reach beyond them; the route"
                " follows their rims."
            )
        return notes

    def _read_area(self, placemark: Element, height_m: float | None, frame: AltitudeFrame) -> None:
        polygon = placemark.find("Polygon")
        assert polygon is not None
        outer = self._positions(polygon.find("outerBoundaryIs", "LinearRing", "coordinates"))
        if not outer:
            return
        holes = [
            [corner.position for corner in self._positions(ring.find("coordinates"))]
            for side in polygon.every("innerBoundaryIs")
            for ring in side.every("LinearRing")
        ]
        area = ground_polygon(
            [corner.position for corner in outer],
            place=f"line {placemark.line}",
            holes=[hole for hole in holes if hole],
            margin_m=max(read_height_m(placemark.find("margin")) or 0.0, 0.0),
        )
        self.areas.append(area)
        self.lines.begin()
        for corner in (*area.outer, area.outer[0]):
            self.lines.add(corner, height_m, frame, place=f"line {placemark.line}")

    def _read_strip(self, placemark: Element, height_m: float | None, frame: AltitudeFrame) -> None:
        """Add the line in the strip's middle; the strip itself is that line there and back, and metres beyond it."""
        middle = self._positions(placemark.find("LineString", "coordinates"))
        sides_m = [read_height_m(placemark.find(side)) or 0.0 for side in ("leftExtend", "rightExtend")]
        self.lines.begin()
        for corner in middle:
            self.lines.add(corner.position, height_m, frame, place=corner.place)
        if max(sides_m) > 0 and len({corner.position for corner in middle}) > 1:
            there = [corner.position for corner in middle]
            if len(set(there)) == 2:
                there.insert(1, _midway(there[0], there[1]))
            there_and_back = [*there, *reversed(there[1:-1])]
            self.areas.append(ground_polygon(there_and_back, place=f"line {placemark.line}", margin_m=max(sides_m)))

    def _positions(self, coordinates: Element | None) -> list[Coordinate]:
        self.taken.add(id(coordinates))
        return list(read_coordinates(coordinates, self.lon_lat))


def _height_m(placemark: Element, folder: Element, mode: str) -> tuple[float | None, AltitudeFrame]:
    """Return the placemark's height in the folder's height mode, or the folder's, which is above the takeoff point."""
    if placemark.find_text("useGlobalHeight") == "1":
        return read_height_m(folder.find("globalHeight")), AltitudeFrame.TAKEOFF
    return read_height_m(placemark.find("height")), FRAMES.get(mode, AltitudeFrame.UNKNOWN)


def _midway(one: Place, other: Place) -> Place:
    way_deg = other[1] - one[1]
    way_deg -= 360.0 * round(way_deg / 360.0)
    lon_deg = one[1] + way_deg / 2
    return (one[0] + other[0]) / 2, lon_deg - 360.0 * round(lon_deg / 360.0)
