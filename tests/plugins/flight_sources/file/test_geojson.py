"""GeoJSON: lines are the route, polygons are areas, longitude first; what is neither is left out and said."""

from __future__ import annotations

from typing import Any

import pytest

from operator_tool.api import AltitudeFrame, FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources._strict_json import parse_json
from operator_tool_plugins.flight_sources.file import read_flight
from operator_tool_plugins.flight_sources.file.found import Found
from operator_tool_plugins.flight_sources.file.geojson import read_geojson
from operator_tool_plugins.flight_sources.file.lon_lat import SWAPPED_HINT
from tests.plugins.flight_sources.samples import encoded, positions

LINE = [[11.1, 48.2], [11.3, 48.4, 520.5]]
SQUARE = [[[11, 48], [11.1, 48], [11.1, 48.1], [11, 48.1], [11, 48]]]


def read(document: object) -> Found:
    return read_geojson([parse_json(encoded(document))])


def geometry(kind: str, coordinates: object, **more: object) -> dict[str, Any]:
    return {"type": kind, "coordinates": coordinates, **more}


def feature(shape: object, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "geometry": shape, "properties": properties}


def refusal(document: object) -> FlightFormatError:
    with pytest.raises(FlightFormatError) as caught:
        read(document)
    return caught.value


def test_a_line_is_the_route_longitude_first() -> None:
    """Unrounded, with the place of each position, and an altitude of which nobody knows the ground."""
    found = read(geometry("LineString", LINE))
    assert positions(found.waypoints) == [(48.2, 11.1), (48.4, 11.3)]
    assert [one.alt_m for one in found.waypoints] == [None, 520.5]
    assert {one.alt_frame for one in found.waypoints} == {AltitudeFrame.UNKNOWN}
    assert [one.source for one in found.waypoints] == ["coordinates[0]", "coordinates[1]"]
    assert (found.format, found.areas) == ("GeoJSON", ())
    assert any("ellipsoid" in note for note in found.notes)


def test_lines_of_all_features_are_joined_in_order() -> None:
    """Those of a MultiLineString and of a GeometryCollection too; the first one's name is the flight's."""
    document = {
        "type": "FeatureCollection",
        "name": "layer",
        "features": [
            feature(None, name="nowhere"),
            feature(geometry("MultiLineString", [[[1, 2], [3, 4]], [], [[5, 6], [7, 8]]]), name="Ridge\u0007"),
            feature({"type": "GeometryCollection", "geometries": [geometry("LineString", [[9, 10], [11, 12]])]}),
        ],
    }
    found = read(document)
    assert positions(found.waypoints) == [(2, 1), (4, 3), (6, 5), (8, 7), (10, 9), (12, 11)]
    assert found.waypoints[2].source == "features[1].geometry.coordinates[2][0]"
    assert found.name == "Ridge\\x07"
    assert found.notes == ("3 lines, joined in the file's order.",)


def test_a_line_that_was_cut_at_180_has_no_double_point() -> None:
    """RFC 7946, 3.1.9, asks for the cut; a line that merely begins where another ends keeps its point."""
    cut = geometry("MultiLineString", [[[170, 5], [180, 10]], [[-180, 10], [-170, 15]]])
    assert positions(read(cut).waypoints) == [(5, 170), (10, 180), (15, -170)]
    apart = geometry("MultiLineString", [[[170, 5], [180, 10]], [[-180, 11], [-170, 15]]])
    assert len(read(apart).waypoints) == 4


def test_a_line_that_runs_on_past_180_is_taken_back() -> None:
    """Exporters write 190 for -170; the note says of how many."""
    found = read(geometry("LineString", [[170, 1], [190, 2], [-190, 3]]))
    assert positions(found.waypoints) == [(1, 170), (2, -170), (3, 170)]
    assert found.notes == ("2 positions are written beyond 180° of longitude, and taken back by 360°.",)
    assert "coordinates[0][0]: longitude 541" in refusal(geometry("LineString", [[541, 1], [0, 0]])).message


def test_polygons_beside_a_line_are_areas() -> None:
    """With their holes; the line alone is the route."""
    hole = [[11.02, 48.02], [11.04, 48.02], [11.04, 48.04], [11.02, 48.02]]
    document = {
        "type": "GeometryCollection",
        "geometries": [geometry("LineString", LINE), geometry("MultiPolygon", [[*SQUARE, hole]])],
    }
    found = read(document)
    assert len(found.waypoints) == 2
    assert found.areas[0].outer == ((48, 11), (48, 11.1), (48.1, 11.1), (48.1, 11))
    assert found.areas[0].holes == (((48.02, 11.02), (48.02, 11.04), (48.04, 11.04)),)
    assert found.areas[0].source == "geometries[1].coordinates[0]"


def test_a_ring_that_is_closed_twice_is_a_ring() -> None:
    """The first corner is not repeated at the end, however often the file does."""
    corners = [*SQUARE[0], SQUARE[0][0]]
    assert read(geometry("Polygon", [corners])).areas[0].outer == ((48, 11), (48, 11.1), (48.1, 11.1), (48.1, 11))


def test_polygons_alone_are_flown_around() -> None:
    """The rim, closed, is the route, and a note says so."""
    found = read(feature(geometry("Polygon", SQUARE), name="Field"))
    assert positions(found.waypoints) == [(48, 11), (48, 11.1), (48.1, 11.1), (48.1, 11), (48, 11)]
    assert len(found.areas) == 1
    assert found.name == "Field"
    assert found.notes == ("No line in the file: the route follows the rims of its polygons.",)


def test_points_are_no_route() -> None:
    """Nobody says in which order they would be flown; they are counted."""
    points = [geometry("Point", [1, 2]), geometry("MultiPoint", [[1, 2], [3, 4]])]
    with pytest.raises(NoRouteError, match="the document: 3 points, and neither a line nor a polygon"):
        read({"type": "GeometryCollection", "geometries": points})
    found = read({"type": "GeometryCollection", "geometries": [*points, geometry("LineString", [[1, 2], [3, 4]])]})
    assert found.notes == ("3 points, left out: only lines and polygons say where the drone flies.",)
    with pytest.raises(NoRouteError):
        read({"type": "FeatureCollection", "features": []})


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326"])
def test_the_old_crs_member_may_name_wgs_84(name: str) -> None:
    """As the writers of 2008 still do."""
    assert read(geometry("LineString", LINE, crs={"type": "name", "properties": {"name": name}})).waypoints


def test_another_reference_system_is_refused() -> None:
    """Metres of a national grid read as degrees would be a flight elsewhere."""
    error = refusal(
        {
            "type": "FeatureCollection",
            "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::25832"}},
            "features": [],
        }
    )
    assert error.message.startswith("crs.properties.name: 'urn:ogc:def:crs:EPSG::25832', expected WGS 84")
    assert "EPSG:4326" in error.hint
    assert refusal(geometry("LineString", LINE, crs={"type": "link"})).message.startswith("crs: a reference system")


@pytest.mark.parametrize(
    "crs",
    [
        "EPSG:3857",
        3857,
        {"type": "EPSG", "properties": {"code": 25832}},
        {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4314"}},
    ],
)
def test_a_reference_system_is_read_in_every_spelling(crs: object) -> None:
    """A text, a number, a code; WGS 84 in the same spellings passes."""
    refusal(geometry("LineString", LINE, crs=crs))
    assert read(geometry("LineString", LINE, crs="EPSG:4326")).waypoints
    assert read(geometry("LineString", LINE, crs={"type": "EPSG", "properties": {"code": 4326}})).waypoints


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (feature(geometry("LineString", LINE), hemisphere="S"), "properties.hemisphere"),
        (feature(geometry("LineString", LINE), crs="EPSG:2056"), "properties.crs"),
        (geometry("LineString", LINE, srid=2056), "srid"),
        (geometry("LineString", LINE, spatialReference="ETRS89 / UTM 32N"), "spatialReference"),
        (feature(geometry("LineString", LINE), coordinate_units="radians"), "properties.coordinate_units"),
    ],
)
def test_what_a_property_says_against_the_positions_is_refused(document: object, named: str) -> None:
    """A hemisphere, a reference system, a unit: named by its place."""
    assert named in refusal(document).message


def test_features_one_a_line_are_read() -> None:
    """As QGIS and ogr2ogr write them, and with RFC 8142's record separators; places are named by their lines."""
    features = [encoded(feature(geometry("LineString", [[11, lat], [12, lat]]))) for lat in (48, 49)]
    records = b"".join(b"\x1e" + one.replace(b",", b",\n") + b"\n" for one in features)
    for data in (b"\n".join(features), b"\n\r\n".join(features) + b"\n", records):
        found = read_flight(data, name="x", source="x")
        assert positions(found.waypoints) == [(48, 11), (48, 12), (49, 11), (49, 12)]
        assert found.waypoints[0].source == "line 1.geometry.coordinates[0]"
    with pytest.raises(FlightFormatError, match=r"^line 2: "):
        read_flight(features[0] + b'\n{"type": }', name="x", source="x")
    for second in (b'{"type": "Topology"}', encoded({"waypoints": []})):
        with pytest.raises(FlightFormatError):
            read_flight(features[0] + b"\n" + second, name="x", source="x")


def test_geometries_that_no_reader_takes_are_kept_as_left_out() -> None:
    """Points, and what lies in foreign members."""
    document = feature(geometry("LineString", LINE), track=geometry("MultiLineString", [[[7, 50], [8, 51]]]))
    points = geometry("MultiPoint", [[1, 2], [3, 4]])
    found = read({"type": "FeatureCollection", "features": [document, feature(points)]})
    assert [(one.is_line, one.places) for one in found.left_out] == [
        (False, ((2, 1), (4, 3))),
        (True, ((50, 7), (51, 8))),
    ]


def test_swapped_positions_get_the_hint_of_this_format() -> None:
    """Here the longitude comes first."""
    error = refusal(geometry("LineString", [[48.2, 111.1], [48.3, 111.2]]))
    assert error.message == "coordinates[0][1]: latitude 111.1, expected -90 to 90"
    assert error.hint == SWAPPED_HINT


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"type": "Route"}, "type: 'Route', expected one of Feature, "),
        ({"type": "Feature", "geometry": 5}, "geometry: 5, expected an object"),
        ({"type": "FeatureCollection"}, "features: missing, expected a list of features"),
        (geometry("LineString", [[1, 2]]), "coordinates: 1 position, expected at least 2 for a line"),
        (geometry("LineString", [[1, 2], [3]]), "coordinates[1]: 1 numbers, expected longitude and latitude"),
        (geometry("LineString", [[1, 2], ["3", 4]]), "coordinates[1][0]: '3', expected a number"),
        (geometry("LineString", [1, 2]), "coordinates[0]: 1, expected a list"),
        (geometry("Polygon", [[[1, 2], [3, 4], [1, 2]]]), "coordinates: a polygon of 2 different corners"),
        (geometry("LineString", [[0, 0]] * 65_536), "coordinates: more than 65,535 positions"),
        (geometry("MultiPolygon", [[[[0, 0], [1, 0], [1, 1]]]] * 16_400), "rims of 65,600 corners in 16,400 polygons"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(document: object, message: str) -> None:
    """The path leads to it in any editor."""
    assert refusal(document).message.startswith(message)
