"""Corridor scans: the lines that are flown, else the polyline and the ground on both sides of it."""

from __future__ import annotations

import pytest

from operator_tool.api import AltitudeFrame
from tests.plugins.flight_sources.file.plans import complex_item, read_items, refusal
from tests.plugins.flight_sources.samples import Json, plan, positions, simple_item

LINE = [[48.0, 11.0], [48.01, 11.0], [48.01, 11.01]]
METRES_PER_DEGREE = 111_195


def scan(*, line: object = LINE, width_m: object = 100, **lines: object) -> Json:
    style = {"version": 2, "CameraCalc": {"DistanceToSurface": 80, "DistanceMode": 1, "version": 2}, **lines}
    return complex_item("CorridorScan", 2, CorridorWidth=width_m, polyline=line, TransectStyleComplexItem=style)


def test_the_items_that_are_flown_come_first() -> None:
    """They lie beside the polyline, and the ground between them is not flown over."""
    found = read_items(scan(Items=[simple_item(48.0, 11.001), simple_item(48.0, 10.999)]))
    assert positions(found.waypoints) == [(48.0, 11.001), (48.0, 10.999)]
    assert found.areas == ()


def test_without_lines_the_polyline_is_the_route_and_the_corridor_the_ground() -> None:
    """Half of the width on each side; the turn-arounds lie beyond."""
    found = read_items(scan(TurnAroundDistance=15))
    assert positions(found.waypoints) == [(48.0, 11.0), (48.01, 11.0), (48.01, 11.01)]
    assert (found.waypoints[0].alt_m, found.waypoints[0].alt_frame) == (80, AltitudeFrame.TAKEOFF)
    (area,) = found.areas
    assert area.margin_m == 15
    assert len(area.outer) == 6
    north_m = [(lat - 48.01) * METRES_PER_DEGREE for lat, _ in area.outer]
    # Along the right side, around the end, and back along the left side: the rim doesn't cross itself.
    assert north_m[1:5] == pytest.approx([-50, -50, 50, 50], abs=0.1)
    assert [lon for _, lon in area.outer[2:4]] == pytest.approx([11.01, 11.01], abs=1e-6)
    assert "read as its polyline and 100 m about it" in found.notes[0]


def test_a_corridor_without_a_width_is_its_line() -> None:
    """As planners other than QGroundControl leave it out."""
    assert read_items(scan(width_m=None)).areas == ()


def test_a_line_across_180_degrees_stays_beside_it() -> None:
    """Its ground is not turned around the earth."""
    (area,) = read_items(scan(line=[[10, 179.99], [10, -179.99]], width_m=200)).areas
    assert {round(abs(lon)) for _, lon in area.outer} == {180}


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (scan(line=None), "mission.items[0]: a CorridorScan with neither flown points nor a polyline"),
        (scan(line=[[48, 11], [48, 11]]), "mission.items[0]: a CorridorScan with neither"),
        (scan(line=[[48, 11], [48]]), "mission.items[0].polyline[1]: 1 numbers"),
        (scan(line=[[89.99, 11], [89.99, 12]], width_m=900000), "mission.items[0].polyline: latitude"),
        (scan(width_m="wide"), "mission.items[0].CorridorWidth: 'wide', expected a number"),
        (complex_item("CorridorScan", 2, polyline=LINE), "mission.items[0].TransectStyleComplexItem: missing"),
    ],
)
def test_what_cant_be_read_is_refused_with_its_place(item: Json, place: str) -> None:
    """A part of the route that is left out silently would be a hole in the map."""
    assert refusal(plan(item)).startswith(place)
