"""DJI's missions: what is flown is read before what was asked of the planner."""

from __future__ import annotations

import pytest

from operator_tool.api import FlightFormatError, HomePosition, NoRouteError
from tests.plugins.flight_sources.file.xml_documents import (
    SQUARE,
    archive,
    flown,
    polygon,
    read,
    template,
    waylines,
)
from tests.plugins.flight_sources.samples import positions

TWO = flown("11, 48", index=0) + flown("11.1,\n 48.1", index=1, height=90.5)
ASKED = "<Placemark><Point><coordinates>20,10</coordinates></Point><wpml:height>70</wpml:height></Placemark>"
TAKEOFF = "<wpml:takeOffRefPoint>47.5,10.5,32.6</wpml:takeOffRefPoint>"


def mission(waylines: str | None, template: str | None) -> bytes:
    files = {"wpmz/template.kml": template, "wpmz/waylines.wpml": waylines, "wpmz/res/image/a.png": "x"}
    return archive({name: content for name, content in files.items() if content is not None})


def test_the_waylines_are_read_before_the_template() -> None:
    """Blanks and line ends within a position are DJI's own way to write it."""
    flight = read(mission(waylines(TWO), template(ASKED)))
    assert flight.format == "DJI WPML"
    assert positions(flight.waypoints) == [(48, 11), (48.1, 11.1)]
    assert [(point.alt_m, str(point.alt_frame)) for point in flight.waypoints] == [(80, "takeoff"), (90.5, "takeoff")]
    assert flight.notes == ()


@pytest.mark.parametrize(
    ("mode", "frame", "said"),
    [
        ("relativeToStartPoint", "takeoff", ""),
        ("realTimeFollowSurface", "terrain", ""),
        ("WGS84", "unknown", "above the WGS 84 ellipsoid"),
        ("byMood", "unknown", "Height mode 'byMood' is not known"),
    ],
)
def test_the_height_mode_says_what_a_height_is_measured_from(mode: str, frame: str, said: str) -> None:
    """A height above the ellipsoid is not one above the sea."""
    flight = read(mission(waylines(TWO, mode=mode), None))
    assert str(flight.waypoints[0].alt_frame) == frame
    assert [said in note for note in flight.notes] == ([True] if said else [])


@pytest.mark.parametrize("version", [0, 2, 6, 9])
def test_every_version_of_the_namespace_is_read(version: int) -> None:
    """Names count without their prefix; the file may stand by itself, too."""
    assert len(read(waylines(TWO, version=version)).waypoints) == 2


def test_each_folder_is_a_line() -> None:
    """An oblique survey has five."""
    flight = read(waylines(TWO, TWO, "", TWO))
    assert len(flight.waypoints) == 6
    assert flight.notes == ("3 lines, joined in the file's order.",)


def test_waypoints_are_flown_by_their_index() -> None:
    """Where each has its own; else as they stand."""
    flight = read(waylines(flown("12,48", index=1) + flown("11,48", index=0) + flown("13,48", index=10)))
    assert [lon for _, lon in positions(flight.waypoints)] == [11, 12, 13]
    assert "by their index" in flight.notes[0]
    flight = read(waylines(flown("12,48", index=1) + flown("11,48", index=1)))
    assert ([lon for _, lon in positions(flight.waypoints)], flight.notes) == ([12, 11], ())


@pytest.mark.parametrize(
    ("turn", "straight", "said"),
    [
        ("toPointAndPassWithContinuityCurvature", "0", True),
        ("toPointAndPassWithContinuityCurvature", "1", False),
        ("toPointAndStopWithDiscontinuityCurvature", "0", False),
    ],
)
def test_curves_between_the_waypoints_are_said(turn: str, straight: str, said: bool) -> None:
    """The file doesn't say how far they reach; the corridor is the operator's to choose."""
    curve = (
        f"<wpml:waypointTurnParam><wpml:waypointTurnMode>{turn}</wpml:waypointTurnMode></wpml:waypointTurnParam>"
        f"<wpml:useStraightLine>{straight}</wpml:useStraightLine></Placemark>"
    )
    notes = read(waylines(TWO.replace("</Placemark>", curve))).notes
    assert [note.startswith("At 2 waypoints the drone flies curves") for note in notes] == ([True] if said else [])


def test_the_takeoff_point_is_home_and_latitude_first() -> None:
    """It stands in either file, and is no waypoint."""
    home = HomePosition(lat_deg=47.5, lon_deg=10.5)
    assert read(mission(waylines(TWO), template("", config=TAKEOFF))).home == home
    assert read(mission(waylines(TWO, config=TAKEOFF), template("", config=TAKEOFF.replace("47", "46")))).home == home
    assert read(mission(waylines(TWO), "<kml>")).notes[0].startswith("template.kml beside the waylines can't be read")


@pytest.mark.parametrize("text", ["", "0,0,0", "0.000000,0.0", ",,"])
def test_no_takeoff_point_is_no_home(text: str) -> None:
    """Empty, or zeros."""
    config = f"<wpml:takeOffRefPoint>{text}</wpml:takeOffRefPoint>"
    assert read(waylines(TWO, config=config)).home is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("47", "'47', expected latitude,longitude,height"),
        ("a,1,2", "latitude: 'a', expected a number"),
        ("113.9,22.5,3", "latitude: latitude 113.9, expected -90 to 90"),
    ],
)
def test_a_takeoff_point_that_cannot_be_is_refused(text: str, message: str) -> None:
    """With the line."""
    with pytest.raises(FlightFormatError, match=f"line 1, <takeOffRefPoint>: {message}"):
        read(waylines(TWO, config=f"<wpml:takeOffRefPoint>{text}</wpml:takeOffRefPoint>"))


@pytest.mark.parametrize("asked", [False, True])
def test_how_the_mission_ends_is_part_of_the_ground(asked: bool) -> None:
    """Home, or back to the first waypoint, which stands twice then."""

    def ending(action: str) -> str:
        config = f"<wpml:finishAction>{action}</wpml:finishAction>"
        second = ASKED.replace("20", "21")
        return template(ASKED + second, config=config) if asked else waylines(TWO, config=config)

    assert read(ending("goHome")).returns_home
    assert not read(ending("autoLand")).returns_home
    flight = read(ending("gotoFirstWaypoint"))
    assert not flight.returns_home
    assert len(flight.waypoints) == 3
    assert positions(flight.waypoints)[0] == positions(flight.waypoints)[2]
    assert [point.ordinal for point in flight.waypoints] == [0, 1, 2]
    assert flight.notes[-1].startswith("At the end the drone flies back")


@pytest.mark.parametrize("flown_file", [None, waylines(""), waylines()])
def test_without_waylines_the_template_is_read(flown_file: str | None) -> None:
    """A waypoint may take the folder's height, which is above the takeoff point in any height mode."""
    globally = ASKED.replace("<Point>", "<wpml:useGlobalHeight>1</wpml:useGlobalHeight><Point>").replace("20", "21")
    flight = read(mission(flown_file, template(ASKED + globally, mode="EGM96")))
    assert positions(flight.waypoints) == [(10, 20), (10, 21)]
    assert [(point.alt_m, str(point.alt_frame)) for point in flight.waypoints] == [(70, "amsl"), (90, "takeoff")]
    assert flight.notes[0].startswith(f"waylines.wpml {'is missing' if flown_file is None else 'has no waypoint'}")


@pytest.mark.parametrize("kind", ["mapping2d", "mapping3d"])
def test_the_polygon_of_a_template_is_ground_with_its_margin(kind: str) -> None:
    """The route follows its rim at the height asked for, for the lines are not known."""
    area = f"<Placemark>{polygon(SQUARE)}<wpml:margin>25</wpml:margin><wpml:height>120</wpml:height></Placemark>"
    flight = read(template(area, kind=kind, mode="aboveGroundLevel"))
    assert (flight.areas[0].outer[0], flight.areas[0].margin_m) == ((48, 11), 25)
    assert len(flight.waypoints) == 5
    assert {(point.alt_m, str(point.alt_frame)) for point in flight.waypoints} == {(120, "terrain")}
    assert any("lines that are not known" in note for note in flight.notes)


@pytest.mark.parametrize("middle", ["179.9,10 -179.9,10.2", "11,48 11.1,48.1 11.2,48"])
def test_a_strip_is_its_middle_line_and_the_metres_beside_it(middle: str) -> None:
    """As wide as the wider of its sides."""
    sides = "<wpml:leftExtend>20</wpml:leftExtend><wpml:rightExtend>35</wpml:rightExtend>"
    strip = f"<Placemark>{sides}<LineString><coordinates>{middle}</coordinates></LineString></Placemark>"
    flight = read(template(strip, kind="mappingStrip"))
    assert len(flight.waypoints) == len(middle.split())
    (area,) = flight.areas
    assert area.margin_m == 35
    assert {lat for lat, _ in area.outer} <= {10, 10.1, 10.2, 48, 48.1}
    assert {abs(lon) for _, lon in area.outer} <= {179.9, 180, 11, 11.1, 11.2}


def test_a_mission_without_a_waypoint_is_no_route() -> None:
    """Whichever file is there, it is named."""
    with pytest.raises(NoRouteError, match=r"wpmz/waylines.wpml: no waypoint, and no template.kml"):
        read(mission(waylines(""), None))
    with pytest.raises(NoRouteError, match=r"wpmz/template.kml: no folder has a waypoint"):
        read(mission(waylines(""), template("")))
    with pytest.raises(NoRouteError, match="no folder has a waypoint"):
        read(waylines(""))


@pytest.mark.parametrize(
    ("placemark", "message"),
    [
        (flown("11,no"), "line 2, point 1: latitude: 'no', expected a number"),
        (flown("11,48 12,49"), "line 1, <coordinates>: 2 positions, expected one for a waypoint"),
        (flown("11,48", index="x"), "line 3, <index>: 'x', expected a number"),
        (flown("11,48").replace("80", "inf"), "line 3, <executeHeight>: 'inf', expected a number"),
    ],
)
def test_what_cannot_be_is_refused_with_the_file_and_the_line(placemark: str, message: str) -> None:
    """The template is no way out of a wayline that can't be read."""
    with pytest.raises(FlightFormatError) as caught:
        read(mission(waylines(placemark), template(ASKED)))
    assert caught.value.message.startswith("wpmz/waylines.wpml: line ")
    assert caught.value.message.partition(": line ")[2].partition(", ")[2] == message.partition(", ")[2]


def test_case_013_and_case_014_hold_within_a_dji_mission() -> None:
    """It is an archive of XML like any other."""
    with pytest.raises(FlightFormatError, match=r"wpmz/waylines\.wpml: unpacks to more than"):
        read(archive({"wpmz/waylines.wpml": b" " * 17_000_000}))
    with pytest.raises(FlightFormatError, match=r"wpmz/waylines\.wpml: line 1: a document type declaration"):
        read(mission("<!DOCTYPE kml>" + waylines(TWO), None))


def test_what_the_template_draws_beside_the_waylines_is_kept_as_left_out() -> None:
    """So is a line in the waylines, where none belongs: the plan says whether they lie outside of the ground."""
    asked = template("<Placemark>" + polygon("11,48 11.1,48 11.1,48.1") + "</Placemark>", kind="mapping2d")
    stray = "<Placemark><LineString><coordinates>7,50 8,51</coordinates></LineString></Placemark>"
    flight = read(archive({"wpmz/template.kml": asked, "wpmz/waylines.wpml": waylines(flown("11,48") + stray)}))
    assert positions(flight.waypoints) == [(48, 11)]
    assert [(one.is_line, one.places) for one in flight.left_out] == [
        (True, ((50, 7), (51, 8))),
        (True, ((48, 11), (48, 11.1), (48.1, 11.1), (48, 11))),
    ]


@pytest.mark.parametrize(("mode", "fits"), [("WGS84", True), ("", True), ("GCJ02", False)])
def test_positions_of_another_system_are_refused(mode: str, fits: bool) -> None:
    """DJI's format has WGS84 alone."""
    said = f"<wpml:x><wpml:coordinateMode>{mode}</wpml:coordinateMode></wpml:x>"
    for document in (waylines(said + flown("11,48")), template(said + flown("11,48"))):
        if fits:
            assert read(document).waypoints
        else:
            with pytest.raises(FlightFormatError):
                read(document)
