"""Heights above the ground: what altitudes tell, and what they don't."""

from __future__ import annotations

import math

import msgspec
import pytest

from operator_tool.api import AltitudeFrame, Flight, HomePosition, Waypoint
from operator_tool.build_cache.heights import heights_of


def flight_at(*altitudes: tuple[float | None, AltitudeFrame], amsl_m: float | None = None, home: bool = True) -> Flight:
    """Return a flight whose waypoints have these altitudes, and whose home lies so high."""
    waypoints = tuple(
        Waypoint(ordinal=number, lat_deg=48.0 + number / 1000.0, lon_deg=11.0, alt_m=alt_m, alt_frame=frame)
        for number, (alt_m, frame) in enumerate(altitudes)
    )
    at_home = HomePosition(lat_deg=48.0, lon_deg=11.0, amsl_m=amsl_m) if home else None
    return Flight(id="f", name="F", source="test", waypoints=waypoints, home=at_home)


TAKEOFF, AMSL, TERRAIN, UNKNOWN = (
    AltitudeFrame.TAKEOFF,
    AltitudeFrame.AMSL,
    AltitudeFrame.TERRAIN,
    AltitudeFrame.UNKNOWN,
)


def test_heights_above_the_takeoff_point_count_with_a_note() -> None:
    """They are taken as they are, and that the ground is taken as level is said."""
    heights = heights_of(flight_at((80.0, TAKEOFF), (120.0, TAKEOFF)))
    assert heights.range_m == (80.0, 120.0)
    assert [note for note in heights.notes if "level" in note and "--height" in note]


def test_heights_above_the_ground_need_no_note() -> None:
    """Nothing is assumed of them."""
    heights = heights_of(flight_at((50.0, TERRAIN), (60.0, TERRAIN)))
    assert (heights.range_m, heights.notes) == ((50.0, 60.0), ())


def test_heights_above_the_sea_count_from_the_ground_at_home() -> None:
    """600 m above the sea over ground of 500 m is 100 m, and that the ground is taken as that high is said."""
    heights = heights_of(flight_at((600.0, AMSL), (620.0, AMSL), amsl_m=500.0))
    assert heights.range_m == (100.0, 120.0)
    assert "500 m high" in heights.notes[0]


@pytest.mark.parametrize(
    ("flight", "why"),
    [
        (flight_at((600.0, AMSL)), "how high the ground lies is not said"),
        (flight_at((600.0, AMSL), amsl_m=0.0), "how high the ground lies is not said"),
        (flight_at((600.0, AMSL), home=False), "how high the ground lies is not said"),
        (flight_at((600.0, UNKNOWN)), "what altitudes are measured from is not said"),
        (flight_at((None, TAKEOFF)), "they have no altitude"),
        (flight_at((0.0, TAKEOFF), (-3.0, TAKEOFF)), "No waypoint is higher than the ground"),
    ],
    ids=["no ground", "ground of 0, as planners write for unknown", "no home", "unknown frame", "none", "a rover"],
)
def test_what_altitudes_do_not_tell_is_said(flight: Flight, why: str) -> None:
    """No height is guessed; a note says why none is known."""
    heights = heights_of(flight)
    assert heights.range_m is None
    assert why in "; ".join(heights.notes)


def test_takeoff_and_landing_do_not_count() -> None:
    """Waypoints below a quarter of the greatest height are left out; one at a quarter counts."""
    heights = heights_of(flight_at((2.0, TAKEOFF), (25.0, TAKEOFF), (100.0, TAKEOFF), (24.9, TAKEOFF)))
    assert heights.range_m == (25.0, 100.0)
    assert len(heights.places) == 2


def test_a_part_without_heights_is_counted() -> None:
    """Known ones count, and how many are not known is said."""
    heights = heights_of(flight_at((80.0, TERRAIN), (None, TERRAIN), (90.0, TERRAIN)))
    assert heights.range_m == (80.0, 90.0)
    assert heights.notes == ("The height above the ground of 1 of 3 waypoints is not known: some have no altitude.",)


def test_a_given_height_is_stronger_than_altitudes() -> None:
    """Each waypoint is at it, and nothing is assumed any more."""
    heights = heights_of(flight_at((80.0, TAKEOFF), (120.0, TAKEOFF)), 300.0)
    assert (heights.range_m, heights.notes) == ((300.0, 300.0), ())


@pytest.mark.parametrize("alt_m", [math.nan, math.inf])
def test_an_altitude_that_is_no_number_is_not_counted(alt_m: float) -> None:
    """It is refused by the plan; the heights don't take it for one."""
    flight = flight_at((80.0, TERRAIN), (90.0, TERRAIN))
    odd = msgspec.structs.replace(flight.waypoints[1], alt_m=alt_m)
    assert heights_of(msgspec.structs.replace(flight, waypoints=(flight.waypoints[0], odd))).range_m == (80.0, 80.0)
