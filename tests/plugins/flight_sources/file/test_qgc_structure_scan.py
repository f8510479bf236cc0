"""Structure scans: a lap around the structure at the camera's distance, and the structure's ground."""

from __future__ import annotations

import math

import pytest

from operator_tool.api import AltitudeFrame
from tests.plugins.flight_sources.file.plans import complex_item, read_items, refusal
from tests.plugins.flight_sources.samples import Json, plan, positions, simple_item

LAT_M = 111_195.0
LON_M = LAT_M * math.cos(math.radians(48))
CLOCKWISE = [[48.0, 11.0], [48.001, 11.0], [48.001, 11.001], [48.0, 11.001]]
CALC = {"CameraName": "Manual (no camera specs)", "DistanceToSurface": 30, "AdjustedFootprintFrontal": 10}


def scan(version: int = 3, **more: object) -> Json:
    item = complex_item("StructureScan", version, polygon=CLOCKWISE, CameraCalc=CALC, Layers=2)
    return {**item, "ScanBottomAlt": 20, "StructureHeight": 100, "EntranceAltitude": 120, **more}


@pytest.mark.parametrize("corners", [CLOCKWISE, CLOCKWISE[::-1], [*CLOCKWISE, CLOCKWISE[0]]])
def test_the_lap_lies_outside_of_the_structure_and_is_closed(corners: list[list[float]]) -> None:
    """Whichever way the polygon was drawn; with sharp corners, as the planner flies them."""
    found = read_items(simple_item(47.9, 11), scan(polygon=corners), simple_item(47.8, 11))
    lap = positions(found.waypoints)[1:-1]
    assert len(lap) == 5
    assert lap[0] == lap[4]
    south, north = min(lat for lat, _ in lap), max(lat for lat, _ in lap)
    west, east = min(lon for _, lon in lap), max(lon for _, lon in lap)
    assert ((48.0 - south) * LAT_M, (north - 48.001) * LAT_M) == pytest.approx((30, 30), abs=0.01)
    assert ((11.0 - west) * LON_M, (east - 11.001) * LON_M) == pytest.approx((30, 30), abs=0.01)
    assert "one lap 30 m away" in found.notes[0]


def test_the_ground_is_the_structure_and_all_up_to_the_lap() -> None:
    """The polygon as it was drawn, with the distance as its margin."""
    (area,) = read_items(scan()).areas
    assert area.outer == tuple((lat, lon) for lat, lon in CLOCKWISE)
    assert (area.margin_m, area.source) == (30, "mission.items[0].polygon")


@pytest.mark.parametrize(
    ("item", "alt_m", "frame"),
    [
        (scan(), 25, AltitudeFrame.TAKEOFF),
        (scan(StartFromTop=True), 95, AltitudeFrame.TAKEOFF),
        (scan(ScanBottomAlt=None), None, AltitudeFrame.UNKNOWN),
        (scan(2, Altitude=50, altitudeRelative=True), 50, AltitudeFrame.TAKEOFF),
        (scan(2, Altitude=550, altitudeRelative=False), 550, AltitudeFrame.AMSL),
    ],
)
def test_the_altitude_is_that_of_the_first_layer(item: Json, alt_m: float | None, frame: AltitudeFrame) -> None:
    """Version 3 begins half a picture above the bottom, or below the top."""
    waypoint = read_items(item).waypoints[0]
    assert (waypoint.alt_m, waypoint.alt_frame) == (alt_m, frame)


def test_without_a_distance_the_lap_is_the_polygon() -> None:
    """Nothing is guessed."""
    found = read_items(scan(CameraCalc=None))
    assert positions(found.waypoints)[0] == (48.0, 11.0)
    assert found.areas[0].margin_m == 0


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (scan(polygon=None), "mission.items[0].polygon: null, expected the structure's corners"),
        (scan(polygon=CLOCKWISE[:2]), "mission.items[0].polygon: a polygon of 2 different corners"),
        (scan(CameraCalc={"DistanceToSurface": -5}), "mission.items[0].CameraCalc.DistanceToSurface: -5"),
        (
            scan(polygon=[[89.9, 0], [89.9, 1], [89.8, 1]], CameraCalc={"DistanceToSurface": 900_000}),
            "mission.items[0].polygon: latitude",
        ),
    ],
)
def test_what_cant_be_read_is_refused_with_its_place(item: Json, place: str) -> None:
    """A part of the route that is left out silently would be a hole in the map."""
    assert refusal(plan(item)).startswith(place)
