"""KML becomes a route and areas, or is refused with the line."""

from __future__ import annotations

import tracemalloc

import pytest

from operator_tool.api import FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources.file.kml import read_kml
from operator_tool_plugins.flight_sources.file.xml_tree import parse_xml
from tests.plugins.flight_sources.file.xml_documents import KML_HEAD, LINE, SQUARE, kml, line, polygon, read
from tests.plugins.flight_sources.samples import positions


def test_a_line_is_read_longitude_first() -> None:
    """Each point says where it stands."""
    flight = read(kml(f"<name>North</name>\n{LINE}"))
    assert (flight.format, flight.name) == ("KML", "North")
    assert positions(flight.waypoints) == [(48, 11), (48.1, 11.1)]
    assert [point.source for point in flight.waypoints] == ["line 4, point 1", "line 4, point 2"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("", (None, "unknown")),
        ("clampToGround", (None, "unknown")),
        ("relativeToGround", (50.0, "terrain")),
        ("absolute", (50.0, "amsl")),
        ("relativeToSeaFloor", (50.0, "unknown")),
    ],
)
def test_the_altitude_mode_says_what_an_altitude_is_measured_from(
    mode: str, expected: tuple[float | None, str]
) -> None:
    """KML's default, on the ground, ignores altitudes, which is said where there are some."""
    flight = read(kml(line("11,48,50 11.1,48.1,60", mode)))
    assert (flight.waypoints[0].alt_m, str(flight.waypoints[0].alt_frame)) == expected
    said = {"": "ignored", "clampToGround": "ignored", "relativeToSeaFloor": "'relativeToSeaFloor' (1×)"}.get(mode)
    assert [said in note if said else note for note in flight.notes] == ([True] if said else [])


@pytest.mark.parametrize(("absolute", "frame"), [("false", "takeoff"), ("true", "terrain")])
def test_a_mission_of_dji_pilot_has_its_heights_above_the_takeoff_point(absolute: str, frame: str) -> None:
    """Its line says relativeToGround all the same; another placemark's line keeps its own meaning."""
    extended = (
        '<ExtendedData xmlns:mis="www.dji.com"><mis:actionOnFinish>GoHome</mis:actionOnFinish><mis:droneInfo>'
        f"<mis:droneHeight><mis:useAbsolute>{absolute}</mis:useAbsolute></mis:droneHeight></mis:droneInfo></ExtendedData>"
    )
    relative = line("11,48,50 11.1,48.1,60", "relativeToGround")
    flight = read(kml(extended + relative, relative))
    assert [str(flight.waypoints[number].alt_frame) for number in (0, 2)] == [frame, "terrain"]
    assert flight.returns_home
    assert any("DJI Pilot" in note for note in flight.notes) == (absolute == "false")


def test_altitudes_of_zero_on_the_ground_need_no_word() -> None:
    """Every exporter writes them."""
    assert read(kml(line("11,48,0 11.1,48.1,0"))).notes == ()


@pytest.mark.parametrize(
    ("coordinates", "expected"),
    [
        ("\n\t11,48,1\n\t12,49,2\n", [(48, 11), (49, 12)]),
        ("11, 48, 1 12, 49, 2", [(48, 11), (49, 12)]),
        ("11 ,48\n,1 12 , 49 , 2", [(48, 11), (49, 12)]),
        ("11,48, 12,49,", [(48, 11), (49, 12)]),
        ("11,48,1, 12,49,2,", [(48, 11), (49, 12)]),
        ("11.,+48 .5,-4.9e1", [(48, 11), (-49, 0.5)]),
    ],
)
def test_blanks_at_commas_and_trailing_commas_are_read(coordinates: str, expected: list[tuple[float, float]]) -> None:
    """The format forbids them, exporters write them."""
    assert positions(read(kml(line(coordinates))).waypoints) == expected


@pytest.mark.parametrize(
    ("coordinates", "message"),
    [
        ("11,48 no,49", "line 2, point 2: longitude: 'no', expected a number"),
        ("11,48 12", "line 2, point 2: '12', expected longitude,latitude or longitude,latitude,altitude"),
        ("11,48,0,12,49,0", "line 2, point 1: '11,48,0,12,49', expected longitude,latitude"),
        ("11,48,nan", "line 2, point 1: altitude: 'nan', expected a number"),
        ("11,,5", "line 2, point 1: latitude: '', expected a number"),
        ("11;48", "line 2, point 1: '11;48', expected longitude,latitude"),
        ("11,91", "line 2, point 1: latitude: latitude 91, expected -90 to 90"),
        ("-541,48", "line 2, point 1: longitude: longitude -541, expected -180 to 180"),
        ("\u0661\u0661,48", "line 2, point 1: longitude: '\u0661\u0661', expected a number"),
    ],
)
def test_coordinates_that_cannot_be_are_refused_with_line_and_point(coordinates: str, message: str) -> None:
    """And with what stands there."""
    with pytest.raises(FlightFormatError) as caught:
        read(kml(line(coordinates)).replace("\n<Placemark>", "<Placemark>"))
    assert caught.value.message.startswith(message)


def test_swapped_coordinates_are_said_so() -> None:
    """KML wants the longitude first."""
    with pytest.raises(FlightFormatError) as caught:
        read(kml(line("35.6,139.7 35.7,139.8")))
    assert "longitude first" in caught.value.hint


def test_a_line_that_runs_on_past_180_is_taken_back() -> None:
    """Exporters write 181 rather than break the line."""
    flight = read(kml(line("179,10 181,10.5 -190,11")))
    assert positions(flight.waypoints) == [(10, 179), (10.5, -179), (11, 170)]
    assert flight.notes == ("2 positions are written beyond 180° of longitude, and taken back by 360°.",)


def test_a_line_that_was_cut_at_180_has_its_point_there_once() -> None:
    """Other exporters break it, with the same point at the end of one half and the beginning of the other."""
    flight = read(kml(f"<MultiGeometry>{line('179,10 180,10.5')}{line('-180,10.5 -179,11')}</MultiGeometry>"))
    assert positions(flight.waypoints) == [(10, 179), (10.5, 180), (11, -179)]


def test_lines_of_all_folders_are_joined_in_the_documents_order() -> None:
    """Folders nest; a linear ring by itself is a line."""
    ring = f"<LinearRing><coordinates>{SQUARE}</coordinates></LinearRing>"
    inner = f"<Folder><Folder><Placemark>{LINE}</Placemark></Folder><Placemark>{ring}</Placemark></Folder>"
    flight = read(f"{KML_HEAD}<name>All</name>{inner}<Placemark>{LINE}</Placemark></Document></kml>")
    assert len(flight.waypoints) == 2 + 5 + 2
    assert (flight.name, flight.notes) == ("All", ("3 lines, joined in the file's order.",))


def test_tracks_are_lines_and_what_a_multi_track_says_holds_for_each() -> None:
    """Numbers stand between blanks; an empty coord is a moment without a position."""
    track = "<gx:Track><when>x</when><gx:coord>11 48 700</gx:coord><gx:coord/><gx:coord>11.1 48.1</gx:coord></gx:Track>"
    absolute = "<altitudeMode>absolute</altitudeMode>"
    flight = read(kml(f"<gx:MultiTrack>{absolute}{track}{track}</gx:MultiTrack>"))
    assert positions(flight.waypoints) == [(48, 11), (48.1, 11.1)] * 2
    assert [(point.alt_m, str(point.alt_frame)) for point in flight.waypoints[:2]] == [(700, "amsl"), (None, "unknown")]
    other = track.replace("<when>x</when>", "<gx:altitudeMode>relativeToGround</gx:altitudeMode>")
    assert str(read(kml(other)).waypoints[0].alt_frame) == "terrain"
    with pytest.raises(FlightFormatError, match="line 3, <coord>: '11,48,700', expected longitude latitude altitude"):
        read(kml(track.replace("11 48 700", "11,48,700")))


def test_a_polygon_with_a_line_is_ground_beside_the_route() -> None:
    """Its holes are kept, and no ring repeats its first corner."""
    flight = read(kml(polygon(SQUARE, "11.02,48.02 11.04,48.02 11.04,48.04"), LINE))
    assert positions(flight.waypoints) == [(48, 11), (48.1, 11.1)]
    (area,) = flight.areas
    assert area.outer == ((48, 11), (48, 11.1), (48.1, 11.1), (48.1, 11))
    assert area.holes == (((48.02, 11.02), (48.02, 11.04), (48.04, 11.04)),)
    assert area.source == "line 3"


def test_coordinates_that_no_reader_takes_are_kept_as_left_out() -> None:
    """Points together, and a line that stands where none belongs."""
    stray = f"<ExtendedData><x:path>{line('7,50 8,51')}</x:path></ExtendedData>"
    document = kml(
        f"{LINE}{stray}",
        "<Point><coordinates>1,2</coordinates></Point>",
        "<Point><coordinates>3,4,5</coordinates></Point>",
    )
    found = read(document.replace("<kml ", '<kml xmlns:x="x" '))
    assert [(one.is_line, one.places) for one in found.left_out] == [
        (True, ((50, 7), (51, 8))),
        (False, ((2, 1), (4, 3))),
    ]


def test_a_second_outer_rim_is_ground_and_no_hole() -> None:
    """The format allows one."""
    first = polygon("12,48 12.1,48 12.1,48.1").removesuffix("</Polygon>")
    two = first + polygon(SQUARE).removeprefix("<Polygon>")
    areas = read(kml(two)).areas
    assert [(len(area.outer), area.holes) for area in areas] == [(3, ()), (4, ())]


def test_decimal_commas_get_their_hint() -> None:
    """As in the other formats."""
    with pytest.raises(FlightFormatError) as caught:
        read(kml(line("11,5,48,1 11,6,48,2")))
    assert "decimal points" in (caught.value.hint or "")


def test_without_a_line_the_route_follows_the_rims() -> None:
    """Five waypoints around a square, and a note."""
    flight = read(kml(polygon(SQUARE)))
    assert len(flight.waypoints) == 5
    assert flight.notes == ("No line in the file: the route follows the rims of its polygons.",)


def test_polygons_that_enclose_nothing_are_refused_and_empty_ones_left() -> None:
    """Two corners, or none."""
    with pytest.raises(FlightFormatError, match="line 3: a polygon of 2 different corners"):
        read(kml(polygon("11,48 12,48 11,48")))
    assert read(kml(polygon(" "), LINE)).areas == ()


def test_a_network_link_is_never_followed() -> None:
    """Nobody is asked, and the operator is told."""
    link = "<NetworkLink><Link><href>http://127.0.0.1:1/x.kml</href></Link></NetworkLink>"
    flight = read(kml(LINE).replace("</Document>", f"{link}</Document>"))
    assert flight.notes[0] == "Left out: 1 network link."
    assert "never fetched" in flight.notes[1]
    with pytest.raises(NoRouteError) as caught:
        read(f"{KML_HEAD}{link}</Document></kml>")
    assert "1 network link, and neither a line nor a polygon" in caught.value.message
    assert "save its content into the file" in caught.value.hint


def test_points_are_no_route() -> None:
    """They are counted, wherever they stand."""
    point = "<Point><coordinates>no,no</coordinates></Point>"
    assert read(kml(point, f"<MultiGeometry>{point}{LINE}</MultiGeometry>")).notes == ("Left out: 2 points.",)
    with pytest.raises(NoRouteError, match="2 points, and neither a line nor a polygon"):
        read(kml(point, point))


@pytest.mark.parametrize(
    "document",
    [
        f"<Placemark><name>P</name>{LINE}</Placemark>",
        f"<Document><Placemark>{LINE}</Placemark></Document>",
        f'<k:kml xmlns:k="http://earth.google.com/kml/2.0"><k:Placemark>{LINE}</k:Placemark></k:kml>',
    ],
)
def test_a_feature_without_a_document_or_a_kml_is_read(document: str) -> None:
    """As copied from Google Earth, or in an old namespace."""
    assert len(read(document).waypoints) == 2


def test_more_corners_than_a_mission_holds_are_refused() -> None:
    """In all polygons together; points of lines are counted apart."""
    many = " ".join(f"11,{48 + number / 1e6}" for number in range(40_000)) + " 12,48"
    with pytest.raises(FlightFormatError, match="more than 65,535 corners of polygons"):
        read(kml(polygon(many), polygon(many)))
    with pytest.raises(FlightFormatError, match="more than 65,535 waypoints"):
        read(kml(line(many), line(many)))


@pytest.mark.parametrize(
    ("coordinates", "message"),
    [
        ("1,2 " * 400_000, "line 3, point 65536: more than 65,535 positions"),
        ("1, 2 " * 400_000, "line 3, point 65536: more than 65,535 positions"),
        ("1" + "," * 4_000_000, "line 3, point 1: latitude: '', expected a number"),
        ("1" * 4_000_000, "line 3, point 1: '1111"),
        ("1" + " " * 4_000_000 + ",", "line 3, point 1: latitude: '', expected a number"),
    ],
)
def test_a_flood_of_coordinates_costs_no_memory(coordinates: str, message: str) -> None:
    """Reading ends at the cap, not behind the last of them, and never matches millions of commas as one."""
    document = kml(line(coordinates)).encode()
    root = parse_xml(document)
    tracemalloc.start()
    try:
        with pytest.raises(FlightFormatError) as caught:
            read_kml(root)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.message.startswith(message)
