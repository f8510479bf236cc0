"""Landing patterns: the approach with its circle, then the landing."""

from __future__ import annotations

import pytest

from operator_tool.api import AltitudeFrame
from tests.plugins.flight_sources.file.plans import complex_item, read_items, refusal
from tests.plugins.flight_sources.samples import Json, plan, positions, simple_item


def pattern(
    kind: str = "fwLandingPattern", version: int = 2, approach: str = "landingApproachCoordinate", **more: object
) -> Json:
    item = complex_item(kind, version, landCoordinate=[48.2, 11.2, 0], loiterRadius=75, altitudesAreRelative=True)
    return {**item, approach: [48.1, 11.1, 40], **more}


@pytest.mark.parametrize(
    "item",
    [
        pattern(),
        pattern("fwLandingPattern", 1, "loiterCoordinate"),
        pattern("fwLandingPattern", 2, "loiterCoordinate"),
        pattern("vtolLandingPattern", 1),
        pattern(useLoiterToAlt=True),
    ],
)
def test_a_landing_pattern_is_its_approach_and_its_landing(item: Json) -> None:
    """The drone circles down at the approach and flies straight to the landing."""
    found = read_items(simple_item(48, 11), item)
    assert positions(found.waypoints) == [(48, 11), (48.1, 11.1), (48.2, 11.2)]
    assert [waypoint.loiter_radius_m for waypoint in found.waypoints] == [0, 75, 0]
    assert [waypoint.alt_m for waypoint in found.waypoints[1:]] == [40, 0]
    assert {waypoint.alt_frame for waypoint in found.waypoints[1:]} == {AltitudeFrame.TAKEOFF}
    assert found.notes == ()


@pytest.mark.parametrize("radius", [0, 1, 0.5, None])
def test_a_radius_of_at_most_a_metre_is_the_vehicles_own(radius: object) -> None:
    """A note says that it is not known."""
    found = read_items({**pattern("fwLandingPattern", 2), "loiterRadius": radius})
    assert [waypoint.loiter_radius_m for waypoint in found.waypoints] == [0, 0]
    assert any("own radius" in note for note in found.notes)


def test_an_approach_that_is_flown_straight_has_no_circle() -> None:
    """The radius stands in the file all the same."""
    assert read_items(pattern(useLoiterToAlt=False)).waypoints[0].loiter_radius_m == 0


def test_version_1_has_a_flag_for_each_altitude() -> None:
    """Approach and landing may be measured from different heights."""
    flags = {"altitudesAreRelative": None, "loiterAltitudeRelative": True, "landAltitudeRelative": False}
    approach, landing = read_items(pattern("fwLandingPattern", 1, "loiterCoordinate", **flags)).waypoints
    assert (approach.alt_frame, landing.alt_frame) == (AltitudeFrame.TAKEOFF, AltitudeFrame.AMSL)


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (pattern(landCoordinate=None), "mission.items[0].landCoordinate: null"),
        (pattern(landingApproachCoordinate=None), "mission.items[0]: a fwLandingPattern with neither"),
        (pattern(landCoordinate=[48, 181, 0]), "mission.items[0].landCoordinate[1]: longitude 181"),
        (pattern(landCoordinate=[48, None, 0]), "mission.items[0].landCoordinate[1]: null, expected a number"),
        (pattern(loiterRadius="wide"), "mission.items[0].loiterRadius: 'wide', expected a number"),
    ],
)
def test_what_cant_be_read_is_refused_with_its_place(item: Json, place: str) -> None:
    """A landing that is left out silently would be a hole in the map."""
    assert refusal(plan(item)).startswith(place)
