"""Simple items: three layouts, the commands that are places, the frames and altitude modes, the circles."""

from __future__ import annotations

import pytest

from operator_tool.api import AltitudeFrame, FlightFormatError
from tests.plugins.flight_sources.file.plans import read, read_items, refusal
from tests.plugins.flight_sources.samples import Json, plan, positions, simple_item

SEVEN = {"type": "SimpleItem", "command": 18, "frame": 3, "params": [2, 0, -70, None, 48.5, 11.5, 40]}
FOUR = {"type": "SimpleItem", "command": 18, "frame": 3, "params": [2, 0, -70, None], "coordinate": [48.5, 11.5, 40]}
APART = {
    **{key: FOUR[key] for key in ("command", "frame", "coordinate")},
    "type": "missionItem",
    "param1": 2,
    "param2": 0,
    "param3": -70,
    "param4": None,
}


@pytest.mark.parametrize("item", [SEVEN, FOUR, APART])
def test_all_layouts_say_the_same(item: Json) -> None:
    """As QGroundControl wrote them from version 3, 2 and before."""
    waypoint = read_items(item).waypoints[0]
    assert (waypoint.lat_deg, waypoint.lon_deg, waypoint.alt_m) == (48.5, 11.5, 40)
    assert (waypoint.loiter_radius_m, waypoint.alt_frame) == (70, AltitudeFrame.TAKEOFF)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({**SEVEN, "params": [1, 2]}, "mission.items[0].params: 2 numbers, expected 7"),
        ({**SEVEN, "params": [0] * 6 + ["x"]}, "mission.items[0].params[6]: 'x', expected a number"),
        ({**SEVEN, "params": None}, "mission.items[0].params: null, expected a list of 7 numbers"),
        ({**SEVEN, "command": None}, "mission.items[0].command: null"),
        ({**SEVEN, "command": 16.5}, "mission.items[0].command: 16.5, expected a whole number"),
        ({**SEVEN, "frame": None}, "mission.items[0].frame: null, expected a MAV_FRAME number"),
        ({**FOUR, "coordinate": [91, 11, 0]}, "mission.items[0].coordinate[0]: latitude 91, expected -90 to 90"),
        ({**FOUR, "coordinate": [91]}, "mission.items[0].coordinate: 1 numbers, expected 3"),
        ({**FOUR, "coordinate": None}, "mission.items[0].coordinate: null, expected [latitude"),
        ({**APART, "coordinate": [48, 200, 0]}, "mission.items[0].coordinate[1]: longitude 200"),
        ({**APART, "param3": "far"}, "mission.items[0].param3: 'far', expected a number"),
        (simple_item(-91, 11), "mission.items[0].params[4]: latitude -91"),
        (simple_item(48, 180.1), "mission.items[0].params[5]: longitude 180.1"),
        (simple_item(48, None), "mission.items[0].params[5]: longitude missing"),
        (
            {**SEVEN, "params": [0, 0, -1e300, 0, 48, 11, 9]},
            "mission.items[0]: a loiter of 1e+300 m radius, expected at",
        ),
        ({**SEVEN, "params": [0, 0, 1.1e6, 0, 0, 0, 9]}, "mission.items[0]: a loiter of 1.1e+06 m radius"),
    ],
)
def test_what_cant_be_read_is_refused_with_its_place(item: Json, message: str) -> None:
    """In each of the layouts."""
    assert refusal(plan(item)).startswith(message)


def test_a_coordinate_may_lack_its_altitude() -> None:
    """Two numbers are a place too."""
    assert read_items({**FOUR, "coordinate": [48, 11]}).waypoints[0].alt_m is None


@pytest.mark.parametrize("command", [20, 80, 177, 178, 189, 195, 197, 201, 203, 206, 530, 600, 601, 2000, 3000])
def test_items_that_are_no_places_are_left_out(command: int) -> None:
    """Regions of interest and jumps may carry coordinates, but the drone doesn't go there."""
    found = read_items(simple_item(48, 11), simple_item(10, 20, command=command))
    assert positions(found.waypoints) == [(48, 11)]
    assert found.notes == ()


@pytest.mark.parametrize("command", [16, 17, 18, 19, 21, 22, 31, 34, 35, 36, 82, 84, 85, 94, 31000, 31004])
def test_items_that_the_drone_goes_to_are_places(command: int) -> None:
    """Takeoff, waypoints, loiters, landings, splines and arcs."""
    assert positions(read_items(simple_item(48, 11, command=command)).waypoints) == [(48, 11)]


def test_an_unknown_command_with_a_position_is_left_out_and_noted() -> None:
    """Its params 5 and 6 may mean anything; where they are zero or null, it is no place whatever it means."""
    unknown = [simple_item(1, 2, command=4711)] * 2
    found = read_items(
        simple_item(48, 11), *unknown, simple_item(0, 0, command=4712), simple_item(None, None, command=9)
    )
    assert len(found.waypoints) == 1
    assert found.notes == ("Commands that are not known as places, left out: 4711 (2×).",)


@pytest.mark.parametrize(("lat", "lon"), [(0, 0), (None, None)])
def test_the_current_position_is_no_place_and_is_noted(lat: float | None, lon: float | None) -> None:
    """A takeoff at 0, 0 means: from where it stands."""
    found = read_items(simple_item(lat, lon, command=22), simple_item(48, 11))
    assert positions(found.waypoints) == [(48, 11)]
    assert found.notes[0].startswith("mission.items[0]: command 22 ")


@pytest.mark.parametrize(
    ("frame", "expected"),
    [(0, "amsl"), (5, "amsl"), (3, "takeoff"), (6, "takeoff"), (10, "terrain"), (11, "terrain")],
)
def test_frames_say_what_an_altitude_is_measured_from(frame: int, expected: str) -> None:
    """MAVLink's global frames."""
    assert read_items(simple_item(48, 11, frame=frame)).waypoints[0].alt_frame == expected


def test_a_place_in_the_frame_of_commands_is_read_and_noted() -> None:
    """QGroundControl 2 wrote a takeoff so; what its altitude is measured from, its mode may say."""
    found = read_items(simple_item(48, 11, command=22, frame=2), simple_item(48, 12, frame=2, AltitudeMode=1))
    assert [waypoint.alt_frame for waypoint in found.waypoints] == ["unknown", "takeoff"]
    assert found.notes == ("mission.items[0].frame: frame 2 doesn't say what the altitude is measured from.",)


@pytest.mark.parametrize("frame", [1, 4, 8, 99])
def test_a_place_in_a_frame_that_is_not_global_is_refused(frame: int) -> None:
    """Local metres are no degrees."""
    message = refusal(plan(simple_item(48, 11, frame=frame)))
    assert f"mission.items[0].frame: frame {frame}, expected a global one" in message


@pytest.mark.parametrize(
    ("item", "alt_m", "frame"),
    [
        (simple_item(48, 11, 612, frame=0, AltitudeMode=3, Altitude=50), 612, AltitudeFrame.AMSL),
        (simple_item(48, 11, None, frame=0, AltitudeMode=3, Altitude=50, AMSLAltAboveTerrain=600), 600, "amsl"),
        (simple_item(48, 11, None, frame=0, AltitudeMode=3, Altitude=50), 50, AltitudeFrame.TERRAIN),
        (simple_item(48, 11, 40, frame=10, AltitudeMode=3, Altitude=40), 40, AltitudeFrame.TERRAIN),
        (simple_item(48, 11, None, AltitudeMode=1, Altitude=40), 40, AltitudeFrame.TAKEOFF),
        (simple_item(48, 11, 30, frame=0, AltitudeMode=2, Altitude=30), 30, AltitudeFrame.AMSL),
        (simple_item(48, 11, 30, frame=3, AltitudeMode=2, Altitude=30), 30, AltitudeFrame.TAKEOFF),
        (simple_item(48, 11, 30, frame=10, AltitudeMode=4, Altitude=30), 30, AltitudeFrame.TERRAIN),
        (simple_item(48, 11, 30, frame=3, AltitudeMode=0, Altitude=30), 30, AltitudeFrame.TAKEOFF),
        (simple_item(48, 11, None), None, AltitudeFrame.UNKNOWN),
    ],
)
def test_altitude_modes_are_followed(item: Json, alt_m: float | None, frame: str) -> None:
    """A height above ground that was calculated stands in frame 0 and may be null; the frame counts."""
    waypoint = read_items(item).waypoints[0]
    assert (waypoint.alt_m, waypoint.alt_frame) == (alt_m, frame)


@pytest.mark.parametrize(
    ("command", "params", "radius_m"),
    [
        (17, [0, 0, 60, 0], 60),
        (18, [3, 0, -300, 0], 300),
        (19, [9, 0, 55.5, 0], 55.5),
        (31, [1, -80, 7, 1], 80),
        (34, [120, 5, 0, 0], 120),
        (35, [90, 30, 0, 0], 90),
        (16, [9, 50, 40, 30], 0),
        (21, [9, 50, 40, 30], 0),
    ],
)
def test_the_circle_that_is_flown_belongs_to_its_place(command: int, params: list[float], radius_m: float) -> None:
    """Each loiter has its radius in a parameter of its own; its sign is the direction."""
    item = simple_item(48, 11, command=command)
    item["params"][:4] = params
    found = read_items(item)
    assert (found.waypoints[0].loiter_radius_m, found.notes) == (radius_m, ())


def test_a_circle_at_the_current_position_belongs_to_the_last_place() -> None:
    """The drone flies it where it is; the wider of two circles there counts."""
    here = simple_item(0, 0, command=18)
    here["params"][2] = -80
    narrow = simple_item(None, None, command=18)
    narrow["params"][2] = 20
    found = read_items(simple_item(48, 11), here, narrow, simple_item(49, 11))
    assert [waypoint.loiter_radius_m for waypoint in found.waypoints] == [80, 0]
    assert found.notes == ()
    assert read_items(here, simple_item(49, 11)).notes[0].startswith("mission.items[0]: command 18 at 0, 0")


def test_a_loiter_with_the_vehicles_own_radius_is_noted_once() -> None:
    """Zero and null mean a parameter of the vehicle, which no file knows."""
    zero, null = simple_item(48, 11, command=18), simple_item(48, 11, command=19)
    null["params"][2] = None
    found = read_items(simple_item(48, 11), zero, null)
    assert [waypoint.loiter_radius_m for waypoint in found.waypoints] == [0, 0, 0]
    assert found.notes == (
        "mission.items[1] and 1 more: loiters with the vehicle's own radius, which is unknown; no circle is added.",
    )


def test_curves_are_counted_in_a_note() -> None:
    """The line that is flown to an arc's or a spline's place is not straight."""
    found = read_items(simple_item(48, 11), *[simple_item(48, 11, command=82)] * 2, simple_item(48, 12, command=36))
    assert found.notes == (
        "1 arc and 2 splines among the places; the route goes straight from each place to the next.",
    )


def test_swapped_coordinates_get_a_hint() -> None:
    """A latitude of -122 beside a longitude of 47 is the commonest mistake there is."""
    with pytest.raises(FlightFormatError) as caught:
        read(plan(simple_item(-122.1, 47.6)))
    assert "swapped" in caught.value.hint
