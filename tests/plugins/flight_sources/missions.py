"""Missions of our own making in each format of files: first a plain one, then such with whatever the format has."""

from __future__ import annotations

import io
import zipfile

from tests.plugins.flight_sources.samples import (
    HOME,
    encoded,
    payload,
    plan,
    simple_item,
    survey,
    waypoint,
    wpl,
    wpl_row,
)

KML = b"""<?xml version="1.0"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Placemark>
<LineString><coordinates>11,48 12,49</coordinates></LineString></Placemark></kml>"""
RICH_KML = b"""<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document><name>Ridge</name>
<NetworkLink><Link><href>http://192.0.2.1/x.kml</href></Link></NetworkLink>
<Placemark><Point><coordinates>11,48,5</coordinates></Point></Placemark>
<Folder><Placemark><name>Line</name><MultiGeometry><LineString><altitudeMode>absolute</altitudeMode>
<coordinates> 179.9,48,500
 180, 48.1 ,500 </coordinates></LineString><LineString><altitudeMode>relativeToGround</altitudeMode>
<coordinates>-180,48.1,50 -179.9,48.2,50</coordinates></LineString></MultiGeometry></Placemark></Folder>
<Placemark><gx:MultiTrack><altitudeMode>absolute</altitudeMode><gx:Track><when>2020-01-01T00:00:00Z</when>
<gx:coord>181 48.3 510</gx:coord><gx:coord>182 48.4 520</gx:coord></gx:Track></gx:MultiTrack></Placemark>
<Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>11,48 11.1,48 11.1,48.1 11,48</coordinates></LinearRing>
</outerBoundaryIs><innerBoundaryIs><LinearRing><coordinates>11.02,48.01 11.05,48.01 11.05,48.03 11.02,48.01
</coordinates></LinearRing></innerBoundaryIs></Polygon></Placemark></Document></kml>"""
GPX = b'<gpx version="1.1"><rte><rtept lat="48" lon="11"/><rtept lat="49" lon="12"/></rte></gpx>'
RICH_GPX = b"""<?xml version="1.0"?>
<gpx version="1.0" creator="us" xmlns="http://www.topografix.com/GPX/1/0"><metadata><name>Ridge</name></metadata>
<wpt lat="1" lon="2"><ele>3</ele></wpt><trk><name>way</name><trkseg/><trkseg>
<trkpt lat="48.0" lon="11.0"><ele>500.5</ele><time>2020-01-01T00:00:00Z</time></trkpt>
<trkpt lat="48.1" lon="11.1"><ele>510</ele></trkpt></trkseg><trkseg><trkpt lat="48.2" lon="11.2"/></trkseg></trk>
</gpx>"""
WAYLINES = b"""<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:wpml="http://www.dji.com/wpmz/1.0.6"><Document>
<wpml:missionConfig><wpml:finishAction>goHome</wpml:finishAction>
<wpml:takeOffRefPoint>48.0,11.0,500</wpml:takeOffRefPoint></wpml:missionConfig><Folder>
<wpml:executeHeightMode>relativeToStartPoint</wpml:executeHeightMode><wpml:waylineId>0</wpml:waylineId>
<Placemark><Point><coordinates>11,48</coordinates></Point><wpml:index>0</wpml:index>
<wpml:executeHeight>50</wpml:executeHeight></Placemark>
<Placemark><Point><coordinates>
12 , 49
</coordinates></Point><wpml:index>1</wpml:index>
<wpml:executeHeight>50</wpml:executeHeight></Placemark></Folder></Document></kml>"""
TEMPLATE = b"""<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:wpml="http://www.dji.com/wpmz/1.0.2"><Document>
<wpml:missionConfig><wpml:finishAction>noAction</wpml:finishAction></wpml:missionConfig>
<Folder><wpml:templateType>mapping2d</wpml:templateType><wpml:waylineCoordinateSysParam>
<wpml:heightMode>EGM96</wpml:heightMode></wpml:waylineCoordinateSysParam><wpml:globalHeight>90</wpml:globalHeight>
<Placemark><wpml:margin>20</wpml:margin><wpml:useGlobalHeight>1</wpml:useGlobalHeight><Polygon><outerBoundaryIs>
<LinearRing><coordinates>11,48,0 11.1,48,0 11.1,48.1,0</coordinates></LinearRing></outerBoundaryIs></Polygon>
</Placemark></Folder><Folder><wpml:templateType>mappingStrip</wpml:templateType><Placemark><wpml:leftExtend>30</wpml:leftExtend>
<LineString><coordinates>11,48 11.2,48.1</coordinates></LineString></Placemark></Folder></Document></kml>"""
CAMERA_CALC = {
    "CameraName": "Sony a6000 16mm",
    "DistanceToSurface": 70,
    "DistanceToSurfaceRelative": True,
    "SensorWidth": 23.5,
    "SensorHeight": 15.6,
    "FocalLength": 16,
    "ImageWidth": 6000,
    "ImageHeight": 4000,
    "version": 1,
}
SQUARE = [[48.0, 11.0], [48.0, 11.1], [48.1, 11.1], [48.1, 11.0]]


def complex_item(kind: str, version: int, **more: object) -> dict[str, object]:
    """A complex item of a plan."""
    return {"type": "ComplexItem", "complexItemType": kind, "version": version, **more}


RICH_PLAN = plan(
    simple_item(48, 11, command=22),
    {"type": "SimpleItem", "command": 31, "frame": 0, "coordinate": [48.3, 11.3, 600], "params": [0, 75, 0, 0]},
    survey(),
    complex_item("survey", 3, polygon=SQUARE, grid={"altitude": 60, "relativeAltitude": True, "turnAroundDistance": 9}),
    complex_item("survey", 5, polygon=SQUARE, TransectStyleComplexItem={"CameraCalc": CAMERA_CALC, "Items": []}),
    complex_item(
        "CorridorScan",
        2,
        CorridorWidth=80,
        polyline=[[48.0, 11.0], [48.2, 11.3]],
        TransectStyleComplexItem={"version": 1, "CameraCalc": CAMERA_CALC, "TurnAroundDistance": 20},
    ),
    complex_item("StructureScan", 3, polygon=SQUARE, CameraCalc=CAMERA_CALC, Layers=2, Altitude=40, StructureHeight=20),
    complex_item(
        "fwLandingPattern",
        2,
        landingApproachCoordinate=[48.1, 11.1, 40],
        landCoordinate=[48.2, 11.2, 0],
        loiterRadius=75,
        altitudesAreRelative=True,
    ),
    simple_item(0, 0, 0, command=20, frame=2),
    geoFence={
        "version": 2,
        "circles": [{"version": 1, "inclusion": False, "circle": {"center": [48.1, 11.1], "radius": 50}}],
        "polygons": [{"version": 1, "inclusion": True, "polygon": SQUARE}],
    },
    rallyPoints={"version": 2, "points": [[48.0, 11.0, 30]]},
)
OLD_MISSION = {
    "version": "1.0",
    "plannedHomePosition": [48.0, 11.0, 500],
    "complexItems": [],
    "items": [simple_item(48, 11), simple_item(49, 12)],
}


def item_of_version_1(number: int, lat: float, lon: float) -> dict[str, object]:
    """An item of the oldest .mission."""
    params = {f"param{n}": 0 for n in range(1, 5)}
    return {"type": "missionItem", "id": number, "command": 16, "frame": 3, "coordinate": [lat, lon, 10], **params}


OLDEST_MISSION = {
    "version": "1.0",
    "MAV_AUTOPILOT": 3,
    "plannedHomePosition": item_of_version_1(0, 48.0, 11.0),
    "items": [item_of_version_1(1, 48.0, 11.0), item_of_version_1(9, 48.2, 11.2)],
    "complexItems": [
        {
            "type": "survey",
            "version": 2,
            "id": 2,
            "polygon": SQUARE,
            "grid": {"altitude": 50, "relativeAltitude": True, "turnAroundDistance": 5},
        }
    ],
}
LINE = {"type": "LineString", "coordinates": [[11, 48], [12, 49]]}
RICH_GEOJSON = {
    "type": "FeatureCollection",
    "name": "layer",
    "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
    "features": [
        {"type": "Feature", "properties": {"name": "Ridge"}, "geometry": LINE},
        {"type": "Feature", "properties": None, "geometry": {"type": "Point", "coordinates": [11, 48]}},
        {
            "type": "Feature",
            "properties": {},
            "geometry": {
                "type": "GeometryCollection",
                "geometries": [
                    {"type": "MultiLineString", "coordinates": [[[179, 1], [180, 2]], [[-180, 2], [190, 3, 50.5]]]},
                    {"type": "MultiPolygon", "coordinates": [[[[11, 48], [11.1, 48], [11.1, 48.1], [11, 48]]]]},
                    {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9]], [[2, 1], [8, 1], [8, 7]]]},
                ],
            },
        },
    ],
}
LITCHI = b"""latitude,longitude,altitude(m),heading(deg),curvesize(m),rotationdir,gimbalmode,altitudemode,poi_latitude
48.0,11.0,30,0,0.2,0,0,0,0
"48.1",11.1,40,0,0.2,0,0,1,0
48.2,11.2,,,,,,,
"""


def zipped(*members: tuple[str, bytes]) -> bytes:
    """A ZIP archive with these files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data)
    return archive.getvalue()


MISSIONS: dict[str, tuple[bytes, ...]] = {
    "flight-json": (
        encoded(payload(waypoint(0, 48, 11), waypoint(1, 49, 12))),
        encoded(
            payload(waypoint(1, 48, 11, alt_frame="amsl", objective="look", source="leg 2"), waypoint(0, alt_m=None))
        ),
    ),
    "qgc-plan": (encoded(plan(simple_item(48, 11), simple_item(49, 12))), encoded(RICH_PLAN)),
    "qgc-mission": (
        encoded(OLD_MISSION),
        encoded({**OLD_MISSION, "fileType": "Mission", "version": 2}),
        encoded(OLDEST_MISSION),
    ),
    "wpl": (
        wpl(HOME, wpl_row(1, 48, 11), wpl_row(2, 49, 12)),
        wpl("# a comment", wpl_row(0, 48, 11), wpl_row(1, 49, 12, command=19), header="QGC WPL 120", end="\r\n"),
        wpl("0 3 2 0 0 15 0 1 11.5 48.5 30 0 1", "1 0 27 -60 1 0 0 0 11.6 48.6 700 0 1", header="QGC WPL 100"),
    ),
    "kml": (KML, RICH_KML),
    "kmz": (zipped(("doc.kml", KML)), zipped(("files/a.png", b"\x89PNG"), ("b.kml", RICH_KML), ("x/c.kml", KML))),
    "dji-wpml": (
        zipped(("wpmz/waylines.wpml", WAYLINES)),
        zipped(("wpmz/template.kml", TEMPLATE), ("wpmz/res/image/a.png", b"\x89PNG")),
    ),
    "gpx": (GPX, RICH_GPX),
    "geojson": (encoded({"type": "Feature", "properties": {}, "geometry": LINE}), encoded(RICH_GEOJSON)),
    "litchi-csv": (b"latitude,longitude,altitude(m)\n48,11,50\n49,12,50\n", LITCHI),
}
"""By the format's name: the plain one goes from 48, 11 to 49, 12."""
