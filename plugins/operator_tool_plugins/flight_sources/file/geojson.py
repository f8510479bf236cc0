"""GeoJSON: lines are the route, polygons are ground that is flown over. Longitude before latitude.

RFC 7946, and the ``crs`` member of the format of 2008 where it names WGS 84.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from operator_tool.api import AltitudeFrame, GroundPolygon, NoRouteError, Place

from .._escaping import escaped
from .._json_node import Node
from .._payload import MAX_WAYPOINTS
from .found import Found, rim_waypoints
from .lon_lat import LonLat
from .rings import ground_polygon
from .route_lines import RouteLines

GEOMETRIES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
TYPES = GEOMETRIES | {"Feature", "FeatureCollection"}
_WGS84 = frozenset({"crs84", "epsg:4326", "epsg::4326", "ogc:1.3:crs84", "ogc::crs84"})
_CRS_HINT = "Save the file again in WGS 84 (EPSG:4326), the only one that GeoJSON has since 2016."


class _Geometry(msgspec.Struct, frozen=True):
    node: Node
    kind: str
    name: str | None
    """The name of the feature that it belongs to."""


def read_geojson(document: Node) -> Found:
    """Return what the lines and polygons of a GeoJSON document say.

    Raises ``FlightFormatError`` naming the place, ``NoRouteError`` where there is neither line nor polygon.
    """
    reader = _Reader()
    for geometry in _geometries(document, None):
        reader.read(geometry)
    return reader.found(document)


class _Reader:
    """Collects the lines and the polygons in the document's order."""

    def __init__(self) -> None:
        self._lon_lat = LonLat()
        self._lines = RouteLines()
        self._areas: list[GroundPolygon] = []
        self._positions = 0
        self._points = 0
        self._name: str | None = None
        self._area_name: str | None = None

    def read(self, geometry: _Geometry) -> None:
        coordinates = geometry.node.require("coordinates", expected="a list")
        if geometry.kind == "LineString":
            self._line(coordinates, geometry)
        elif geometry.kind == "MultiLineString":
            for line in coordinates.items():
                self._line(line, geometry)
        elif geometry.kind == "Polygon":
            self._polygon(coordinates, geometry)
        elif geometry.kind == "MultiPolygon":
            for polygon in coordinates.items():
                self._polygon(polygon, geometry)
        else:
            self._points += 1 if geometry.kind == "Point" else len(coordinates.items())

    def found(self, document: Node) -> Found:
        waypoints = self._lines.waypoints()
        notes = [*self._lines.notes(), *self._lon_lat.notes()]
        if not waypoints:
            if not self._areas:
                raise NoRouteError(f"{document.place}: {_counted(self._points)}, and neither a line nor a polygon")
            waypoints = rim_waypoints(self._areas)
            notes.append("No line in the file: the route follows the rims of its polygons.")
        if any(waypoint.alt_m is not None for waypoint in waypoints):
            notes.append(
                "Altitudes are heights above the ellipsoid (RFC 7946), so the height above the ground is not known."
            )
        if self._points:
            notes.append(f"{_counted(self._points)}, left out: only lines and polygons say where the drone flies.")
        collection = document.get("name")
        named = collection.value if collection is not None and isinstance(collection.value, str) else None
        name = self._name or self._area_name or (escaped(named) if named else None)
        return Found(
            format="GeoJSON", waypoints=waypoints, areas=tuple(self._areas), name=name or None, notes=tuple(notes)
        )

    def _line(self, coordinates: Node, geometry: _Geometry) -> None:
        positions = self._positions_of(coordinates)
        if len(positions) == 1:
            raise coordinates.error("1 position, expected at least 2 for a line")
        self._lines.begin()
        for node in positions:
            place, alt_m = self._read_position(node)
            self._lines.add(place, alt_m, AltitudeFrame.UNKNOWN, place=node.path)
        if positions:  # RFC 7946, 3.1: an empty list of coordinates is no geometry
            self._name = self._name or geometry.name

    def _polygon(self, coordinates: Node, geometry: _Geometry) -> None:
        rings: list[list[Place]] = [
            [self._read_position(node)[0] for node in self._positions_of(ring)] for ring in coordinates.items()
        ]
        if not rings:
            return
        self._areas.append(ground_polygon(rings[0], place=coordinates.place, holes=rings[1:]))
        self._area_name = self._area_name or geometry.name

    def _positions_of(self, coordinates: Node) -> list[Node]:
        if isinstance(coordinates.value, list):
            self._positions += len(coordinates.value)
        if self._positions > MAX_WAYPOINTS:
            raise coordinates.error(f"more than {MAX_WAYPOINTS:,} positions up to here")
        return coordinates.items()

    def _read_position(self, node: Node) -> tuple[Place, float | None]:
        numbers = node.items()
        if len(numbers) < 2:
            raise node.error(f"{len(numbers)} numbers, expected longitude and latitude")
        lon, lat = numbers[0], numbers[1]
        place = self._lon_lat.place(lon.number(), lat.number(), lon_place=lon.place, lat_place=lat.place)
        return place, numbers[2].number() if len(numbers) > 2 and numbers[2].value is not None else None


def _geometries(node: Node, name: str | None) -> Iterator[_Geometry]:
    """Yield the geometries below an object, in the document's order. The depth of a document is bounded."""
    _check_crs(node)
    kind = node.require("type", expected="a type of GeoJSON")
    if kind.text() == "FeatureCollection":
        for feature in node.require("features", expected="a list of features").items():
            yield from _geometries(feature, None)
    elif kind.text() == "Feature":
        geometry = node.get("geometry")
        if geometry is not None:
            yield from _geometries(geometry, _name_of(node))
    elif kind.text() == "GeometryCollection":
        for geometry in node.require("geometries", expected="a list of geometries").items():
            yield from _geometries(geometry, name)
    elif kind.text() in GEOMETRIES:
        yield _Geometry(node, kind.text(), name)
    else:
        raise kind.error(f"{kind.seen()}, expected one of {', '.join(sorted(TYPES))}")


def _name_of(feature: Node) -> str | None:
    properties = feature.get("properties")
    name = properties.get("name") if properties is not None else None
    return escaped(name.value) if name is not None and isinstance(name.value, str) and name.value.strip() else None


def _check_crs(node: Node) -> None:
    """Refuse another reference system than WGS 84, which the format of 2008 could name."""
    crs = node.get("crs")
    if crs is None:
        return
    properties = crs.get("properties")
    name = properties.get("name") if properties is not None else None
    if name is None:
        raise crs.error("a reference system without a name, expected WGS 84", hint=_CRS_HINT)
    if name.text().lower().removeprefix("urn:ogc:def:crs:") not in _WGS84:
        raise name.error(f"{name.seen()}, expected WGS 84 (CRS84 or EPSG:4326)", hint=_CRS_HINT)


def _counted(points: int) -> str:
    return "1 point" if points == 1 else f"{points:,} points"
