"""GeoJSON: lines are the route, polygons are ground that is flown over. Longitude before latitude.

RFC 7946, and the ``crs`` member of the format of 2008 where it names WGS 84.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from operator_tool.api import AltitudeFrame, GroundPolygon, LeftOut, NoRouteError, Place

from .._escaping import escaped
from .._json_left_out import GEOMETRIES, geometries_in, places_in
from .._json_node import Node
from .._json_said import said_in
from .._payload import MAX_WAYPOINTS
from .._qualifiers import Degrees, Said, is_wgs84, placed
from .found import Found, rim_waypoints
from .lon_lat import LonLat
from .rings import ground_polygon
from .route_lines import RouteLines

TYPES = GEOMETRIES | {"Feature", "FeatureCollection"}
_CRS_HINT = "Save the file again in WGS 84 (EPSG:4326), the only one that GeoJSON has since 2016."


class _Geometry(msgspec.Struct, frozen=True):
    node: Node
    kind: str
    name: str | None
    """The name of the feature that it belongs to."""
    said: tuple[Said, ...]
    """What the document and the feature say of its positions."""


def read_geojson(documents: Sequence[Node]) -> Found:
    """Return what the lines and polygons of a GeoJSON document say, or of several that stand in one file.

    Raises ``FlightFormatError`` naming the place, ``NoRouteError`` where there is neither line nor polygon.
    """
    reader = _Reader()
    for document in documents:
        for geometry in _geometries(document, None, ()):
            reader.read(geometry)
    return reader.found(documents)


class _Reader:
    """Collects the lines and the polygons in the document's order."""

    def __init__(self) -> None:
        self._lon_lat = LonLat()
        self._lines = RouteLines()
        self._areas: list[GroundPolygon] = []
        self._positions = 0
        self._points: list[Place] = []
        self._count = 0
        self._first_point = ""
        self._taken: set[int] = set()
        self._said: tuple[Said, ...] = ()
        self._name: str | None = None
        self._area_name: str | None = None

    def read(self, geometry: _Geometry) -> None:
        coordinates = geometry.node.require("coordinates", expected="a list")
        self._taken.add(id(geometry.node.value))
        self._said = geometry.said
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
            self._first_point = self._first_point or coordinates.place
            self._count += 1 if geometry.kind == "Point" else len(coordinates.items())
            self._points += places_in(coordinates.value)

    def found(self, documents: Sequence[Node]) -> Found:
        document = documents[0]
        waypoints = self._lines.waypoints()
        notes = [*self._lines.notes(), *self._lon_lat.notes()]
        if not waypoints:
            if not self._areas:
                raise NoRouteError(f"{document.place}: {_counted(self._count)}, and neither a line nor a polygon")
            waypoints = rim_waypoints(self._areas)
            notes.append("No line in the file: the route follows the rims of its polygons.")
        if any(waypoint.alt_m is not None for waypoint in waypoints):
            notes.append(
                "Altitudes are heights above the ellipsoid (RFC 7946), so the height above the ground is not known."
            )
        if self._count:
            notes.append(f"{_counted(self._count)}, left out: only lines and polygons say where the drone flies.")
        collection = document.get("name")
        named = collection.value if collection is not None and isinstance(collection.value, str) else None
        name = self._name or self._area_name or (escaped(named) if named else None)
        return Found(
            format="GeoJSON",
            waypoints=waypoints,
            areas=tuple(self._areas),
            name=name or None,
            left_out=tuple(self._left_out(documents)),
            notes=tuple(notes),
        )

    def _left_out(self, documents: Sequence[Node]) -> Iterator[LeftOut]:
        if self._points:
            yield LeftOut(name=f"{_counted(self._count)} ({self._first_point})", places=tuple(self._points))
        for document in documents:
            yield from geometries_in(document, self._taken)

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
        if self._said and placed(Degrees(place[0], True), Degrees(place[1], True), self._said) != place:
            raise node.error(f"{self._said[0].place} says something else of the position")
        return place, numbers[2].number() if len(numbers) > 2 and numbers[2].value is not None else None


def _geometries(node: Node, name: str | None, said: tuple[Said, ...]) -> Iterator[_Geometry]:
    """Yield the geometries below an object, in the document's order. The depth of a document is bounded."""
    _check_crs(node)
    said = (*said, *said_in(node, but=("crs",)))
    kind = node.require("type", expected="a type of GeoJSON")
    if kind.text() == "FeatureCollection":
        for feature in node.require("features", expected="a list of features").items():
            yield from _geometries(feature, None, said)
    elif kind.text() == "Feature":
        geometry = node.get("geometry")
        if geometry is not None:
            yield from _geometries(geometry, _name_of(node), (*said, *said_in(node.get("properties"))))
    elif kind.text() == "GeometryCollection":
        for geometry in node.require("geometries", expected="a list of geometries").items():
            yield from _geometries(geometry, name, said)
    elif kind.text() in GEOMETRIES:
        yield _Geometry(node, kind.text(), name, said)
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
    properties = crs.get("properties") if isinstance(crs.value, dict) else None
    name = crs if isinstance(crs.value, str | int) else None
    if properties is not None:
        name = properties.get("name") or properties.get("code")
    if name is None:
        raise crs.error("a reference system without a name, expected WGS 84", hint=_CRS_HINT)
    if not is_wgs84(f"{name.value}"):
        raise name.error(f"{name.seen()}, expected WGS 84 (CRS84 or EPSG:4326)", hint=_CRS_HINT)


def _counted(points: int) -> str:
    return "1 point" if points == 1 else f"{points:,} points"
