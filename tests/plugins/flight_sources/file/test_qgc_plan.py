"""QGroundControl's plans become routes, or are refused with the place in the mission."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import AltitudeFrame, Flight, FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources.file import FileFlightSource, FileSettings
from tests.plugins.flight_sources.samples import Json, encoded, plan, positions, simple_item, survey


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def resolve(document: object) -> Flight:
        path = tmp_path / "ridge.plan"
        path.write_bytes(encoded(document))
        return FileFlightSource(FileSettings()).resolve(str(path))

    return resolve


def refusal(read: Any, document: object) -> str:
    with pytest.raises(FlightFormatError) as caught:
        read(document)
    return str(caught.value.message)


def test_simple_items_are_read_latitude_first_and_unrounded(read: Any) -> None:
    """The planned home is no waypoint; the first item is the takeoff origin."""
    flight = read(plan(simple_item(47.39773941040039, 8.5455904006958, 5, command=22), simple_item(48, 11)))
    assert positions(flight.waypoints) == [(47.39773941040039, 8.5455904006958), (48.0, 11.0)]
    assert flight.takeoff_origin.lat_deg == 47.39773941040039
    assert [waypoint.ordinal for waypoint in flight.waypoints] == [0, 1]
    assert flight.waypoints[1].source == "mission.items[1]"
    assert (flight.name, flight.source) == ("ridge", "file:ridge.plan")


def test_the_older_layout_is_read(read: Any) -> None:
    """Four params and a coordinate."""
    item = {"type": "missionItem", "command": 16, "frame": 3, "params": [0, 0, 0, None], "coordinate": [48, 11, None]}
    flight = read(plan(item))
    assert (positions(flight.waypoints), flight.waypoints[0].alt_m) == ([(48, 11)], None)
    assert refusal(read, plan({**item, "coordinate": [91, 11, 0]})) == (
        "ridge.plan: mission.items[0].coordinate[0]: latitude 91, expected -90 to 90"
    )
    assert "items[0].coordinate: 2 numbers, expected 3" in refusal(read, plan({**item, "coordinate": [48, 11]}))


@pytest.mark.parametrize("command", [20, 80, 177, 178, 189, 195, 197, 201, 206, 530, 600, 601])
def test_items_that_are_no_places_are_left_out(read: Any, command: int) -> None:
    """Regions of interest and jumps may carry coordinates, but the drone doesn't go there."""
    flight = read(plan(simple_item(48, 11), simple_item(10, 20, command=command), simple_item(49, 12)))
    assert positions(flight.waypoints) == [(48, 11), (49, 12)]
    assert flight.notes == ()


@pytest.mark.parametrize("command", [16, 17, 18, 19, 21, 22, 31, 36, 82, 84, 85])
def test_items_that_the_drone_goes_to_are_places(read: Any, command: int) -> None:
    """Takeoff, waypoints, loiters, landings, splines and arcs."""
    assert positions(read(plan(simple_item(48, 11, command=command))).waypoints) == [(48, 11)]


def test_an_unknown_command_is_left_out_and_noted(read: Any) -> None:
    """Its params 5 and 6 may mean anything."""
    flight = read(plan(simple_item(48, 11), simple_item(1, 2, command=4711), simple_item(1, 2, command=4711)))
    assert len(flight.waypoints) == 1
    assert flight.notes == ("Commands that are not known as places, left out: 4711 (2×).",)


@pytest.mark.parametrize(("lat", "lon"), [(0, 0), (None, None)])
def test_the_current_position_is_no_place_and_is_noted(read: Any, lat: float | None, lon: float | None) -> None:
    """A takeoff at 0, 0 means: from where it stands."""
    flight = read(plan(simple_item(lat, lon, command=22), simple_item(48, 11)))
    assert positions(flight.waypoints) == [(48, 11)]
    assert flight.notes[0].startswith("mission.items[0]: command 22 ")


def test_half_a_position_is_refused(read: Any) -> None:
    """A latitude without a longitude can't be meant."""
    message = refusal(read, plan(simple_item(48, None)))
    assert "mission.items[0].params[5]: longitude missing" in message


@pytest.mark.parametrize(
    ("frame", "expected"),
    [(0, "amsl"), (5, "amsl"), (3, "takeoff"), (6, "takeoff"), (10, "terrain"), (11, "terrain")],
)
def test_frames_say_what_an_altitude_is_measured_from(read: Any, frame: int, expected: str) -> None:
    """MAVLink's global frames."""
    assert read(plan(simple_item(48, 11, frame=frame))).waypoints[0].alt_frame == expected


@pytest.mark.parametrize("frame", [1, 2, 8, 99])
def test_a_place_in_a_frame_that_is_not_global_is_refused(read: Any, frame: int) -> None:
    """Local metres are no degrees."""
    assert f"mission.items[0].frame: frame {frame}, expected a global one" in refusal(
        read, plan(simple_item(48, 11, frame=frame))
    )


@pytest.mark.parametrize(
    ("item", "alt_m", "frame"),
    [
        (simple_item(48, 11, 612, frame=0, AltitudeMode=3, Altitude=50), 612, AltitudeFrame.AMSL),
        (simple_item(48, 11, None, frame=0, AltitudeMode=3, Altitude=50, AMSLAltAboveTerrain=600), 600, "amsl"),
        (simple_item(48, 11, None, frame=0, AltitudeMode=3, Altitude=50), 50, AltitudeFrame.TERRAIN),
        (simple_item(48, 11, None, AltitudeMode=1, Altitude=40), 40, AltitudeFrame.TAKEOFF),
        (simple_item(48, 11, 30, frame=10, AltitudeMode=4, Altitude=30), 30, AltitudeFrame.TERRAIN),
        (simple_item(48, 11, None), None, AltitudeFrame.UNKNOWN),
    ],
)
def test_altitude_modes_are_followed(read: Any, item: Json, alt_m: float | None, frame: str) -> None:
    """A height above ground that was calculated stands in frame 0 and may be null in the params."""
    waypoint = read(plan(item)).waypoints[0]
    assert (waypoint.alt_m, waypoint.alt_frame) == (alt_m, frame)


def test_a_survey_is_read_from_the_items_that_are_flown(read: Any) -> None:
    """Its polygon is the ground, not the route; camera commands among the items are no places."""
    flight = read(plan(simple_item(48, 11, command=22), survey(), simple_item(49, 12, command=21)))
    assert positions(flight.waypoints) == [(48, 11), (48.01, 11.01), (48.02, 11.02), (49, 12)]
    assert flight.waypoints[2].source == "mission.items[1].TransectStyleComplexItem.Items[2]"


@pytest.mark.parametrize("items", [None, [], [simple_item(0, 0, 0, command=206, frame=2)]])
def test_a_survey_without_flown_items_is_read_from_its_drawn_line(read: Any, items: object) -> None:
    """The altitude is then the camera's distance."""
    item = survey(complexItemType="CorridorScan", version=2)
    item["TransectStyleComplexItem"]["Items"] = items
    flight = read(plan(item))
    assert positions(flight.waypoints) == [(48.011, 11.011), (48.021, 11.021), (48.031, 11.031)]
    assert (flight.waypoints[0].alt_m, flight.waypoints[0].alt_frame) == (70, AltitudeFrame.TAKEOFF)
    assert flight.notes == (
        "mission.items[0]: a CorridorScan without a place in Items; read from its VisualTransectPoints.",
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"FollowTerrain": True}, AltitudeFrame.TERRAIN),
        ({"CameraCalc": {"DistanceToSurface": 70, "DistanceToSurfaceRelative": False}}, AltitudeFrame.AMSL),
        ({"CameraCalc": {"DistanceToSurface": 70, "DistanceMode": 4}, "version": 2}, AltitudeFrame.TERRAIN),
        ({"CameraCalc": {"DistanceToSurface": 70}}, AltitudeFrame.UNKNOWN),
        ({"CameraCalc": None}, AltitudeFrame.UNKNOWN),
    ],
)
def test_the_camera_says_what_a_drawn_lines_altitude_is_measured_from(read: Any, change: Json, expected: str) -> None:
    """Older plans by two flags, newer ones by a mode."""
    item = survey()
    item["TransectStyleComplexItem"].update({"Items": [], **change})
    assert read(plan(item)).waypoints[0].alt_frame == expected


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (survey(version=9), "mission.items[1].version: survey version 9, expected 3 or 4 or 5"),
        (
            survey(version=3, TransectStyleComplexItem=None),
            "mission.items[1]: a survey without TransectStyle",
        ),
        (survey(TransectStyleComplexItem={}), "mission.items[1].TransectStyleComplexItem: a survey with neither"),
        (survey(TransectStyleComplexItem={"version": 7}), "TransectStyleComplexItem.version: 7, expected at most 2"),
        (survey(complexItemType="StructureScan"), "mission.items[1].complexItemType: 'StructureScan' items can't be"),
        (survey(complexItemType=["survey"]), "mission.items[1].complexItemType: a list"),
        ({"type": "Folder"}, "mission.items[1].type: 'Folder', expected"),
        ({"type": {}}, "mission.items[1].type: an object, expected"),
        (simple_item(48, 11, params=[1, 2]), "mission.items[1].params: 2 numbers, expected 7"),
        (simple_item(48, 11, params=[0] * 6 + ["x"]), "mission.items[1].params[6]: 'x', expected a number"),
        ({**simple_item(48, 11), "command": None}, "mission.items[1].command: null"),
        (simple_item(-91, 11), "mission.items[1].params[4]: latitude -91"),
        (simple_item(48, 180.1), "mission.items[1].params[5]: longitude 180.1"),
    ],
)
def test_what_cant_be_read_is_refused_with_its_place(read: Any, item: Json, place: str) -> None:
    """A part of the route that is left out silently would be a hole in the map."""
    assert place in refusal(read, plan(simple_item(48, 11), item))


@pytest.mark.parametrize(
    ("kind", "version", "approach"),
    [
        ("fwLandingPattern", 2, "landingApproachCoordinate"),
        ("fwLandingPattern", 1, "loiterCoordinate"),
        ("vtolLandingPattern", 1, "landingApproachCoordinate"),
    ],
)
def test_a_landing_pattern_is_its_approach_and_its_landing(read: Any, kind: str, version: int, approach: str) -> None:
    """The two coordinates that it stores."""
    item = {
        "type": "ComplexItem",
        "complexItemType": kind,
        "version": version,
        approach: [48.1, 11.1, 40],
        "landCoordinate": [48.2, 11.2, 0],
        "altitudesAreRelative": True,
    }
    flight = read(plan(simple_item(48, 11), item))
    assert positions(flight.waypoints) == [(48, 11), (48.1, 11.1), (48.2, 11.2)]
    assert flight.waypoints[1].alt_frame == AltitudeFrame.TAKEOFF
    del item["landCoordinate"]
    assert "mission.items[0].landCoordinate: missing" in refusal(read, plan(item))


def test_a_wide_loiter_is_noted(read: Any) -> None:
    """The route holds the circle's middle alone, so the operator may want a wider corridor."""
    item = simple_item(48, 11, command=18)
    item["params"][2] = -300
    assert read(plan(item)).notes == (
        "mission.items[0]: circles 300 m around this point; the route holds the point alone.",
    )


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (plan(version=42), "version: 42, expected 1"),
        (plan(mission={"version": 7, "items": []}), "mission.version: 7, expected 2"),
        (plan(mission=None), "mission: null, expected the mission's items"),
        (plan(mission={"version": 2}), "mission.items: missing"),
        (plan(mission={"version": 2, "items": {}}), "mission.items: an object, expected a list"),
        (plan(fileType="GeoFence"), "fileType: 'GeoFence', expected 'Plan'"),
        (plan(7), "mission.items[0]: 7, expected an object"),  # type: ignore[arg-type]
    ],
)
def test_a_document_that_is_no_plan_of_the_known_versions_is_refused(read: Any, document: Json, place: str) -> None:
    """Another version may mean other things by the same names."""
    assert refusal(read, document).startswith(f"ridge.plan: {place}")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (plan(), "mission.items: 0 items"),
        (plan(simple_item(1, 2, command=203)), "mission.items: 1 item, none of them a place"),
        (plan(*[simple_item(0, 0, command=22)] * 2), "mission.items: 2 items, none of them a place"),
    ],
)
def test_a_plan_without_a_place_has_no_route(read: Any, document: Json, message: str) -> None:
    """Fences alone need no map."""
    with pytest.raises(NoRouteError) as caught:
        read(document)
    assert caught.value.message == f"ridge.plan: {message}"


def test_swapped_coordinates_get_a_hint(read: Any) -> None:
    """A latitude of -122 beside a longitude of 47 is the commonest mistake there is."""
    with pytest.raises(FlightFormatError) as caught:
        read(plan(simple_item(-122.1, 47.6)))
    assert "swapped" in caught.value.hint


def test_notes_are_counted_beyond_the_twentieth(read: Any) -> None:
    """A long mission doesn't fill the report."""
    flight = read(plan(*[simple_item(0, 0, command=17)] * 30, simple_item(48, 11)))
    assert len(flight.notes) == 21
    assert flight.notes[-1] == "10 more notes of this kind."
