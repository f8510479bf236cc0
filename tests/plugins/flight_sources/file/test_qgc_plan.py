"""A whole plan of QGroundControl becomes a route with its home, or is refused with the place in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from operator_tool.api import FlightFormatError, HomePosition, NoRouteError
from operator_tool_plugins.flight_sources.file import FileFlightSource, FileSettings
from tests.plugins.flight_sources.file.plans import complex_item, read, read_items, refusal
from tests.plugins.flight_sources.samples import Json, encoded, plan, positions, simple_item


def with_mission(*items: Json, **more: object) -> Json:
    document = plan(*items)
    document["mission"].update(more)
    return document


def test_a_file_becomes_a_flight_under_the_files_name(tmp_path: Path) -> None:
    """What the reader found is all in the flight."""
    path = tmp_path / "ridge.plan"
    path.write_bytes(encoded(plan(simple_item(47.39773941040039, 8.5455904006958, command=22), simple_item(48, 11))))
    flight = FileFlightSource(FileSettings()).resolve(str(path))
    assert (flight.name, flight.source, flight.format) == ("ridge", "file:ridge.plan", "QGC .plan")
    assert positions(flight.waypoints) == [(47.39773941040039, 8.5455904006958), (48.0, 11.0)]
    assert flight.home == HomePosition(lat_deg=48, lon_deg=11, amsl_m=500)


def test_items_are_read_latitude_first_and_unrounded() -> None:
    """The planned home is no waypoint; the first item is where the route begins."""
    found = read_items(simple_item(47.39773941040039, 8.5455904006958, 5, command=22), simple_item(48, 11))
    assert positions(found.waypoints) == [(47.39773941040039, 8.5455904006958), (48.0, 11.0)]
    assert [waypoint.ordinal for waypoint in found.waypoints] == [0, 1]
    assert found.waypoints[1].source == "mission.items[1]"


@pytest.mark.parametrize(
    ("home", "expected"),
    [
        ([47.5, 8.5, 488.2], HomePosition(lat_deg=47.5, lon_deg=8.5, amsl_m=488.2)),
        ([47.5, 8.5, None], HomePosition(lat_deg=47.5, lon_deg=8.5)),
        ([47.5, 8.5], HomePosition(lat_deg=47.5, lon_deg=8.5)),
        ([0, 8.5, 0], HomePosition(lat_deg=0, lon_deg=8.5, amsl_m=0)),
        ([0, 0, 0], None),
        ([0.0, 0.0, 15], None),
        ([None, None, None], None),
        (None, None),
    ],
)
def test_home_is_kept_apart_from_the_route(home: object, expected: HomePosition | None) -> None:
    """Planners that know no home write zeros or null."""
    found = read(with_mission(simple_item(48, 11), plannedHomePosition=home))
    assert (found.home, len(found.waypoints)) == (expected, 1)


def test_a_home_that_is_not_on_the_earth_is_refused() -> None:
    """With the place in the file."""
    message = refusal(with_mission(simple_item(48, 11), plannedHomePosition=[91, 11, 0]))
    assert message == "mission.plannedHomePosition[0]: latitude 91, expected -90 to 90"
    message = refusal(with_mission(simple_item(48, 11), plannedHomePosition=[48]))
    assert message.startswith("mission.plannedHomePosition: 1 numbers, expected")


def test_what_mission_planner_writes_as_json_is_read() -> None:
    """It leaves all that it doesn't use null, the types among it, and the mission's version 0."""
    item = {**simple_item(48, 11), "type": None, "complexItemType": None, "TransectStyleComplexItem": None}
    document = with_mission(item, version=0, plannedHomePosition=[47.5, 8.5, 300])
    document |= {"fileType": None, "geoFence": None, "rallyPoints": None, "groundStation": "MissionPlanner"}
    found = read(document)
    assert positions(found.waypoints) == [(48, 11)]
    assert found.home == HomePosition(lat_deg=47.5, lon_deg=8.5, amsl_m=300)
    assert refusal({**document, "groundStation": "QGroundControl"}) == "fileType: null, expected 'Plan'"
    assert refusal({**document, "groundStation": "QGroundControl", "fileType": "Plan"}).startswith("mission.version: 0")
    assert refusal({**document, "fileType": "GeoFence"}).startswith("fileType: 'GeoFence'")


RETURN = simple_item(0, 0, 0, command=20, frame=2)
JUMP = simple_item(0, 0, 0, command=177, frame=2)
LAND = simple_item(48.1, 11, 0, command=21)
LAND_HERE = simple_item(0, 0, 0, command=21)
PATTERN = complex_item("fwLandingPattern", 2, landingApproachCoordinate=[48, 11, 9], landCoordinate=[48, 11, 0])


@pytest.mark.parametrize(
    ("items", "returns"),
    [
        ((), False),
        ((RETURN,), True),
        ((RETURN, JUMP), True),
        ((JUMP, RETURN, LAND_HERE), True),
        ((LAND,), False),
        ((RETURN, LAND), False),
        ((RETURN, PATTERN), False),
        ((PATTERN, RETURN), True),
    ],
)
def test_a_return_at_the_missions_end_is_known(items: tuple[Json, ...], returns: bool) -> None:
    """What is no place may follow it; where a place follows, the way home in the middle is noted as left out."""
    found = read_items(simple_item(48, 11), *items)
    assert found.returns_home is returns
    noted = any("returns home, though places follow" in note for note in found.notes)
    assert noted is (items[:1] == (RETURN,) and not returns)


def test_a_survey_within_a_survey_is_read_like_any_item() -> None:
    """Items are items, wherever they are listed."""
    inner = complex_item("survey", 5, TransectStyleComplexItem={"Items": [simple_item(48.2, 11)]})
    outer = complex_item("survey", 5, TransectStyleComplexItem={"Items": [simple_item(48.1, 11), inner]})
    found = read_items(outer)
    assert positions(found.waypoints) == [(48.1, 11), (48.2, 11)]
    step = "TransectStyleComplexItem.Items"
    assert found.waypoints[1].source == f"mission.items[0].{step}[1].{step}[0]"


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"type": "Folder"}, "mission.items[1].type: 'Folder', expected"),
        ({"type": {}}, "mission.items[1].type: an object, expected"),
        ({"params": [0]}, "mission.items[1].type: missing"),
        ({"command": 16}, "mission.items[1].params: missing"),
        (complex_item("AgroScan", 1), "mission.items[1].complexItemType: 'AgroScan' items can't be read"),
        ({"type": "ComplexItem"}, "mission.items[1].complexItemType: missing"),
        ({"type": "ComplexItem", "complexItemType": ["survey"]}, "mission.items[1].complexItemType: a list"),
        (complex_item("survey", 9), "mission.items[1].version: survey version 9, expected 2 or 3 or 4 or 5"),
        (complex_item("StructureScan", 4), "mission.items[1].version: StructureScan version 4"),
        (complex_item("fwLandingPattern", 3), "mission.items[1].version: fwLandingPattern version 3"),
    ],
)
def test_an_item_of_another_kind_is_refused_with_its_place(item: Json, place: str) -> None:
    """A part of the route that is left out silently would be a hole in the map."""
    assert place in refusal(plan(simple_item(48, 11), item))


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
def test_a_document_that_is_no_plan_of_the_known_versions_is_refused(document: Json, place: str) -> None:
    """Another version may mean other things by the same names."""
    assert refusal(document).startswith(place)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (plan(), "mission.items: 0 items"),
        (plan(simple_item(1, 2, command=203)), "mission.items: 1 item, none of them a place"),
        (plan(*[simple_item(0, 0, command=22)] * 2), "mission.items: 2 items, none of them a place"),
    ],
)
def test_a_plan_without_a_place_has_no_route(document: Json, message: str) -> None:
    """Fences alone need no map."""
    with pytest.raises(NoRouteError) as caught:
        read(document)
    assert caught.value.message == message


def test_more_places_than_a_mission_may_have_are_refused() -> None:
    """MAVLink counts them in 16 bits."""
    transects = {"VisualTransectPoints": [[48, 11]] * 65_535}
    survey = complex_item("survey", 5, TransectStyleComplexItem=transects)
    assert len(read_items(survey).waypoints) == 65_535
    with pytest.raises(FlightFormatError, match="more than 65,535 waypoints"):
        read_items(survey, simple_item(48, 11))


def test_notes_are_counted_beyond_the_twentieth() -> None:
    """A long mission doesn't fill the report."""
    found = read_items(*[simple_item(0, 0, command=17)] * 30, simple_item(48, 11))
    assert len(found.notes) == 21
    assert found.notes[-1] == "10 more notes of this kind."
