"""Surveys: the items that are flown, else the line that is drawn, else the polygon and its turn-arounds."""

from __future__ import annotations

import pytest

from operator_tool.api import AltitudeFrame, GroundPolygon
from tests.plugins.flight_sources.file.plans import complex_item, read_items, refusal
from tests.plugins.flight_sources.samples import Json, plan, positions, simple_item, survey

CORNERS = [[48.0, 11.0], [48.0, 11.1], [48.1, 11.1]]
RIM = [(48.0, 11.0), (48.0, 11.1), (48.1, 11.1), (48.0, 11.0)]
V3: Json = complex_item(
    "survey",
    3,
    polygon=CORNERS,
    grid={"altitude": 60, "angle": 0, "relativeAltitude": True, "spacing": 30, "turnAroundDistance": 12.5},
    manualGrid=True,
)


def transects(**more: object) -> Json:
    item = survey()
    item["TransectStyleComplexItem"].update(more)
    return item


def test_the_items_that_are_flown_come_first() -> None:
    """Its polygon is what was asked for, not what is flown; camera commands among the items are no places."""
    found = read_items(simple_item(48, 11, command=22), survey(), simple_item(49, 12, command=21))
    assert positions(found.waypoints) == [(48, 11), (48.01, 11.01), (48.02, 11.02), (49, 12)]
    assert found.waypoints[2].source == "mission.items[1].TransectStyleComplexItem.Items[2]"
    assert (found.areas, found.notes) == ((), ())
    assert [(one.is_line, one.places) for one in found.left_out] == [
        (True, ((48.011, 11.011), (48.021, 11.021), (48.031, 11.031))),
        (True, tuple(RIM)),
    ]


def test_an_item_without_an_altitude_has_the_surveys() -> None:
    """The survey's height is that of all its lines."""
    bare, own = simple_item(48.01, 11.01, None), simple_item(48.02, 11.02, 33, frame=0)
    first, second = read_items(transects(Items=[bare, own])).waypoints
    assert (first.alt_m, first.alt_frame) == (70, AltitudeFrame.TAKEOFF)
    assert (second.alt_m, second.alt_frame) == (33, AltitudeFrame.AMSL)


@pytest.mark.parametrize("items", [None, [], [simple_item(0, 0, 0, command=206, frame=2)]])
def test_without_them_the_drawn_line_is_read(items: object) -> None:
    """The altitude is then the camera's distance."""
    found = read_items(transects(Items=items))
    assert positions(found.waypoints) == [(48.011, 11.011), (48.021, 11.021), (48.031, 11.031)]
    assert (found.waypoints[0].alt_m, found.waypoints[0].alt_frame) == (70, AltitudeFrame.TAKEOFF)
    assert found.notes == (
        "mission.items[0].TransectStyleComplexItem: no place in Items; read from its VisualTransectPoints.",
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"FollowTerrain": True}, AltitudeFrame.TERRAIN),
        ({"CameraCalc": {"DistanceToSurface": 70, "DistanceToSurfaceRelative": False}}, AltitudeFrame.AMSL),
        ({"CameraCalc": {"DistanceToSurface": 70, "DistanceMode": 4}, "version": 2}, AltitudeFrame.TERRAIN),
        ({"CameraCalc": {"DistanceToSurface": 70, "DistanceMode": 3}, "version": 2}, AltitudeFrame.TERRAIN),
        ({"CameraCalc": {"DistanceToSurface": 70, "DistanceMode": 0}, "version": 2}, AltitudeFrame.UNKNOWN),
        ({"CameraCalc": {"DistanceToSurface": 70}}, AltitudeFrame.UNKNOWN),
        ({"CameraCalc": None}, AltitudeFrame.UNKNOWN),
    ],
)
def test_the_camera_says_what_a_drawn_lines_altitude_is_measured_from(change: Json, expected: str) -> None:
    """Older plans by two flags, newer ones by a mode."""
    assert read_items(transects(Items=[], **change)).waypoints[0].alt_frame == expected


@pytest.mark.parametrize("version", [4, 5, None])
def test_without_any_line_the_polygon_is_the_ground(version: int | None) -> None:
    """Its rim stands in the route, so that the ways there and on are flown too; the turn-arounds lie beyond it."""
    lines = {"CameraCalc": {"DistanceToSurface": 70, "DistanceToSurfaceRelative": True}, "TurnAroundDistance": 20}
    item = complex_item("survey", version, polygon=CORNERS, TransectStyleComplexItem=lines)
    found = read_items(simple_item(47.9, 11), item, simple_item(47.8, 11))
    assert positions(found.waypoints) == [(47.9, 11), *RIM, (47.8, 11)]
    assert (found.waypoints[1].alt_m, found.waypoints[1].alt_frame) == (70, AltitudeFrame.TAKEOFF)
    source = "mission.items[1].polygon"
    assert found.areas == (GroundPolygon(outer=tuple(RIM[:3]), margin_m=20, source=source),)
    assert found.waypoints[1].source == source
    assert "read as its polygon and 20 m beyond it" in found.notes[0]


def test_a_survey_of_version_3_has_its_grid_beside_its_polygon() -> None:
    """It never kept its lines."""
    found = read_items(V3)
    assert positions(found.waypoints) == RIM
    assert (found.waypoints[0].alt_m, found.waypoints[0].alt_frame) == (60, AltitudeFrame.TAKEOFF)
    assert found.areas[0].margin_m == 12.5


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (complex_item("survey", 4), "mission.items[0]: a survey with neither flown points nor a polygon"),
        (
            complex_item("survey", 4, TransectStyleComplexItem={}),
            "mission.items[0]: a survey with neither flown points nor a polygon",
        ),
        (transects(version=7), "mission.items[0].TransectStyleComplexItem.version: 7, expected at most 2"),
        ({**V3, "polygon": CORNERS[:2]}, "mission.items[0].polygon: a polygon of 2 different corners"),
        ({**V3, "polygon": [*CORNERS, [91, 11]]}, "mission.items[0].polygon[3][0]: latitude 91"),
        ({**V3, "polygon": [*CORNERS, [48]]}, "mission.items[0].polygon[3]: 1 numbers"),
        ({**V3, "grid": {"turnAroundDistance": -1}}, "mission.items[0].grid.turnAroundDistance: -1, expected metres"),
        ({**V3, "grid": {"turnAroundDistance": 1e9}}, "mission.items[0].grid.turnAroundDistance: 1000000000.0"),
        ({**V3, "grid": {"altitude": "high"}}, "mission.items[0].grid.altitude: 'high', expected a number"),
        (transects(Items=[7]), "mission.items[0].TransectStyleComplexItem.Items[0]: 7, expected an object"),
        (transects(Items=None, VisualTransectPoints=[[48, 200]]), "VisualTransectPoints[0][1]: longitude 200"),
    ],
)
def test_what_cant_be_read_is_refused_with_its_place(item: Json, place: str) -> None:
    """A part of the route that is left out silently would be a hole in the map."""
    assert place in refusal(plan(item))
