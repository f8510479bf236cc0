"""The old .mission files of QGroundControl, version 1 and 2."""

from __future__ import annotations

import pytest

from operator_tool.api import FlightFormatError, HomePosition, NoRouteError
from operator_tool_plugins.flight_sources._strict_json import parse_json
from operator_tool_plugins.flight_sources.file import read_flight
from operator_tool_plugins.flight_sources.file.found import Found
from operator_tool_plugins.flight_sources.file.qgc_mission import read_old_mission
from tests.plugins.flight_sources.samples import Json, encoded, positions, simple_item

CORNERS = [[48.0, 11.0], [48.0, 11.1], [48.1, 11.1]]
GRID = {"altitude": 50, "relativeAltitude": True, "turnAroundDistance": 0}


def v1_item(number: int, lat: float, lon: float, *, command: int = 16) -> Json:
    item = {"type": "missionItem", "id": number, "command": command, "frame": 3, "coordinate": [lat, lon, 10]}
    return {**item, **{f"param{i}": 0 for i in range(1, 5)}, "autoContinue": True}


def v1(*items: Json, apart: object = (), **more: object) -> Json:
    home = v1_item(0, 47.5, 8.5)
    document = {"MAV_AUTOPILOT": 3, "version": "1.0", "plannedHomePosition": home, "items": list(items)}
    return {**document, "complexItems": list(apart), **more}  # type: ignore[call-overload]


def v1_survey(number: object, **more: object) -> Json:
    return {"type": "survey", "version": 2, "id": number, "polygon": CORNERS, "grid": GRID, **more}


def v2(*items: Json, **more: object) -> Json:
    return {"version": 2, "firmwareType": 3, "items": list(items), "plannedHomePosition": [47.5, 8.5, 300], **more}


def read(document: object) -> Found:
    return read_old_mission(parse_json(encoded(document)))


def test_version_1_has_its_home_as_an_item() -> None:
    """It is no waypoint."""
    found = read(v1(v1_item(1, 48, 11, command=22), v1_item(2, 49, 12)))
    assert (found.format, positions(found.waypoints)) == ("QGC .mission", [(48, 11), (49, 12)])
    assert found.home == HomePosition(lat_deg=47.5, lon_deg=8.5, amsl_m=10)
    assert found.waypoints[1].source == "items[1]"


def test_version_2_is_a_plans_mission() -> None:
    """One list, and home a list of numbers; the file may name its type."""
    item = {**simple_item(0, 0), "params": [0, 0, 0, 0], "coordinate": [48, 11, 40]}
    found = read(v2(item, simple_item(0, 0, 0, command=20, frame=2), fileType="Mission"))
    assert (positions(found.waypoints), found.returns_home) == ([(48, 11)], True)
    assert found.home == HomePosition(lat_deg=47.5, lon_deg=8.5, amsl_m=300)


def test_a_mission_is_known_by_its_type_or_its_members() -> None:
    """Version 1 has no type, and a version 2 of another planner may have no home."""
    for document in (v1(v1_item(1, 48, 11)), v2(simple_item(48, 11), fileType="Mission", plannedHomePosition=None)):
        assert read_flight(encoded(document), name="ridge", source="file:ridge").format == "QGC .mission"


def test_surveys_that_were_kept_apart_are_flown_in_their_place() -> None:
    """Their numbers tell: the survey is item 2, and what follows begins after its own items."""
    items = (v1_item(1, 48, 11), v1_item(9, 49, 12), v1_item(10, 49, 13))
    found = read(v1(*items, apart=[v1_survey(2)]))
    assert positions(found.waypoints)[0] == (48, 11)
    assert positions(found.waypoints)[-2:] == [(49, 12), (49, 13)]
    assert [waypoint.source for waypoint in found.waypoints[1:5]] == ["complexItems[0].polygon"] * 4
    assert len(found.areas) == 1
    two = read(v1(*items, apart=[v1_survey(20), v1_survey(3)]))
    assert [area.source for area in two.areas] == ["complexItems[1].polygon", "complexItems[0].polygon"]
    assert two.waypoints[-1].source == "complexItems[0].polygon"


def test_one_without_a_number_comes_last() -> None:
    """Nothing says where it belongs."""
    bare = v1_survey(None)
    assert read(v1(v1_item(1, 48, 11), apart=[bare])).waypoints[-1].source == "complexItems[0].polygon"
    unnumbered = simple_item(48, 11)
    assert read(v1(unnumbered, apart=[v1_survey(2)])).waypoints[0].source == "items[0]"


@pytest.mark.parametrize("home", [None, [0, 0, 0], {}, {"coordinate": [0, 0, 0]}])
def test_a_home_of_zeros_is_none(home: object) -> None:
    """As in a plan."""
    assert read(v1(v1_item(1, 48, 11), plannedHomePosition=home)).home is None


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (v2(simple_item(48, 11), version=3), "version: 3, expected 1 or 2"),
        (v2(simple_item(48, 11), version=True), "version: true, expected 1 or 2"),
        (v2(simple_item(48, 11), fileType="GeoFence"), "fileType: 'GeoFence', expected 'Mission'"),
        ({"version": 2}, "items: missing"),
        (v1(v1_item(1, 91, 11)), "items[0].coordinate[0]: latitude 91"),
        (v1(v1_item(1, 48, 11), apart=[v1_survey("two")]), "complexItems[0].id: 'two', expected a number"),
        (v1(v1_item(1, 48, 11), apart=[v1_survey(2, version=9)]), "complexItems[0].version: survey version 9"),
        (v1(v1_item(1, 48, 11), plannedHomePosition={"coordinate": [99, 0, 0]}), "plannedHomePosition.coordinate[0]"),
    ],
)
def test_what_cant_be_read_is_refused_with_its_place(document: Json, place: str) -> None:
    """Another version may mean other things by the same names."""
    with pytest.raises(FlightFormatError) as caught:
        read(document)
    assert caught.value.message.startswith(place)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (v2(), "items: 0 items"),
        (v2(simple_item(0, 0, command=22)), "items: 1 item, none of them a place"),
    ],
)
def test_a_mission_without_a_place_has_no_route(document: Json, message: str) -> None:
    """As in a plan."""
    with pytest.raises(NoRouteError) as caught:
        read(document)
    assert caught.value.message == message
