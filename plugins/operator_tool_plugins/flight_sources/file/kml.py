"""KML: lines and tracks are the route, polygons are ground that is flown over.

https://docs.ogc.org/is/12-007r2/12-007r2.html and Google's gx extension; links to other files are never followed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from operator_tool.api import AltitudeFrame, FlightFormatError, GroundPolygon, NoRouteError, Place

from .._escaping import escaped
from .._payload import MAX_WAYPOINTS
from .found import Found, rim_waypoints
from .kml_coordinates import Coordinate, read_coordinates, read_track_coord
from .kml_dji_pilot import goes_home, is_above_takeoff
from .lon_lat import LonLat
from .rings import ground_polygon
from .route_lines import RouteLines
from .xml_left_out import left_out_of
from .xml_tree import Element

_FOLDERS = ("Document", "Folder")
_COLLECTIONS = ("MultiGeometry", "GeometryCollection")
_LEFT_OUT = {
    "Point": "point",
    "NetworkLink": "network link",
    "GroundOverlay": "ground overlay",
    "PhotoOverlay": "photo overlay",
    "Tour": "tour",
    "Model": "model",
}
_ON_THE_GROUND = frozenset({"", "clampToGround", "clampToSeaFloor"})
"""The altitude modes that ignore the altitudes; the first is what KML takes where none stands."""
_NETWORK_LINK = "What a network link points to is never fetched: save its content into the file."
_DRAW = "Draw a path or a polygon, or choose another file."
_FRAMES = {"relativeToGround": AltitudeFrame.TERRAIN, "absolute": AltitudeFrame.AMSL}


def read_kml(root: Element) -> Found:
    """Return the route and the areas of a ``<kml>``, or of a feature that stands without one.

    Raises ``FlightFormatError`` naming the line, ``NoRouteError`` where there is neither a line nor a polygon.
    """
    reader = _KmlReader()
    if root.name == "Placemark":
        reader.read_placemark(root)
    else:
        reader.read_features(root)
    return reader.found(root)


class _KmlReader:
    def __init__(self) -> None:
        self._lon_lat = LonLat()
        self._lines = RouteLines()
        self._areas: list[GroundPolygon] = []
        self._corners = 0
        self._taken: set[int] = set()
        """The ids of the elements with coordinates that were read."""
        self._left_out: Counter[str] = Counter()
        self._ignored_altitudes: Counter[str] = Counter()
        self._unknown_modes: Counter[str] = Counter()
        self._names: list[str] = []
        self._above_takeoff = False
        self._dji_pilot = False
        self._returns_home = False

    def read_features(self, holder: Element) -> None:
        for feature in holder.children:
            if feature.name in _FOLDERS:
                self.read_features(feature)
            elif feature.name == "Placemark":
                self.read_placemark(feature)
            else:
                self._leave_out(feature)

    def read_placemark(self, placemark: Element) -> None:
        before = len(self._lines), len(self._areas)
        self._above_takeoff = is_above_takeoff(placemark)
        self._dji_pilot |= self._above_takeoff
        self._returns_home |= goes_home(placemark)
        self._read_geometries(placemark)
        if before != (len(self._lines), len(self._areas)):
            self._names.append(placemark.find_text("name"))

    def _read_geometries(self, holder: Element, mode: str = "") -> None:
        for geometry in holder.children:
            if geometry.name in _COLLECTIONS:
                self._read_geometries(geometry)
            elif geometry.name == "MultiTrack":
                self._read_geometries(geometry, geometry.find_text("altitudeMode"))
            elif geometry.name in ("LineString", "LinearRing"):
                self._read_line(list(self._coordinates(geometry)), geometry, mode)
            elif geometry.name == "Track":
                self._read_line(self._track(geometry), geometry, mode)
            elif geometry.name == "Polygon":
                self._read_polygon(geometry)
            else:
                self._leave_out(geometry)

    def _coordinates(self, geometry: Element) -> Iterator[Coordinate]:
        coordinates = geometry.find("coordinates")
        if coordinates is not None:
            self._taken.add(id(coordinates))
        return read_coordinates(coordinates, self._lon_lat)

    def _track(self, track: Element) -> list[Coordinate]:
        self._taken.update(map(id, track.every("coord")))
        read = (read_track_coord(coord, self._lon_lat) for coord in track.every("coord"))
        return [coordinate for coordinate in read if coordinate is not None]

    def _read_line(self, coordinates: list[Coordinate], geometry: Element, mode: str) -> None:
        mode = geometry.find_text("altitudeMode") or mode
        if mode not in _ON_THE_GROUND and mode not in _FRAMES:
            self._unknown_modes[mode] += 1
        if mode in _ON_THE_GROUND and any(coordinate.alt_m for coordinate in coordinates):
            self._ignored_altitudes[geometry.name] += 1
        frame = _FRAMES.get(mode, AltitudeFrame.UNKNOWN)
        if frame is AltitudeFrame.TERRAIN and self._above_takeoff:
            frame = AltitudeFrame.TAKEOFF
        self._lines.begin()
        for coordinate in coordinates:
            alt_m = None if mode in _ON_THE_GROUND else coordinate.alt_m
            self._lines.add(coordinate.position, alt_m, frame, place=coordinate.place)

    def _read_polygon(self, polygon: Element) -> None:
        outer, holes = (
            [ring for side in polygon.every(boundary) for one in side.every("LinearRing") if (ring := self._ring(one))]
            for boundary in ("outerBoundaryIs", "innerBoundaryIs")
        )
        # The format allows one outer rim; a second one is ground besides, and no hole of the first.
        for number, rim in enumerate(outer):
            self._areas.append(ground_polygon(rim, place=f"line {polygon.line}", holes=() if number else holes))

    def _ring(self, ring: Element) -> list[Place]:
        corners: list[Place] = []
        for coordinate in self._coordinates(ring):
            self._corners += 1
            if self._corners > MAX_WAYPOINTS:
                raise FlightFormatError(f"{coordinate.place}: more than {MAX_WAYPOINTS:,} corners of polygons")
            corners.append(coordinate.position)
        return corners

    def _leave_out(self, element: Element) -> None:
        if element.name in _LEFT_OUT:
            self._left_out[_LEFT_OUT[element.name]] += 1

    def found(self, root: Element) -> Found:
        """Return what was collected. Raises ``NoRouteError`` where that is nothing."""
        seen = ", ".join(_counted(count, noun) for noun, count in sorted(self._left_out.items()))
        if not len(self._lines) and not self._areas:
            raise NoRouteError(
                f"{seen + ', and ' if seen else ''}neither a line nor a polygon with coordinates",
                hint=_NETWORK_LINK if self._left_out["network link"] else _DRAW,
            )
        waypoints = self._lines.waypoints()
        notes = [*self._lines.notes(), *self._lon_lat.notes()]
        if not waypoints:
            waypoints = rim_waypoints(self._areas)
            notes.append("No line in the file: the route follows the rims of its polygons.")
        notes += self._altitude_notes()
        if seen:
            notes.append(f"Left out: {seen}.")
        if self._left_out["network link"]:
            notes.append(_NETWORK_LINK)
        document = root.find_text("Document", "name") or root.find_text("Folder", "name") or root.find_text("name")
        only = self._names[0] if len(self._names) == 1 else ""
        return Found(
            format="KML",
            waypoints=waypoints,
            areas=tuple(self._areas),
            returns_home=self._returns_home,
            left_out=tuple(left_out_of(root, self._taken)),
            name=escaped(document or only) or None,
            notes=tuple(notes),
        )

    def _altitude_notes(self) -> list[str]:
        notes = [
            f"The altitudes of {_counted(count, f'<{kind}>')} are ignored, as the file says (clampToGround, which is"
            " KML's default)."
            for kind, count in sorted(self._ignored_altitudes.items())
        ]
        if self._dji_pilot:
            notes.append("A mission of DJI Pilot: its relativeToGround means above the takeoff point.")
        modes = sorted(self._unknown_modes.items())
        notes += [
            f"altitudeMode '{escaped(mode, 40)}' ({count}×): the height above the ground is not known."
            for mode, count in modes[:5]
        ]
        return notes


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
