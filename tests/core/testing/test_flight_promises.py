"""What is wrong with a flight is found, each thing by itself."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from operator_tool.api import Camera, Fence, Flight, GroundPolygon, HomePosition, RallyPoint, Waypoint
from operator_tool.testing.flight_promises import MAX_WAYPOINTS, flight_problems

CORNERS = ((47.0, 8.0), (47.1, 8.0), (47.1, 8.1))
CAMERA = Camera(
    name="Survey 3",
    sensor_width_mm=13.2,
    sensor_height_mm=8.8,
    focal_length_mm=8.8,
    image_width_px=5472,
    image_height_px=3648,
)


def points(count: int = 2, **changed: Any) -> tuple[Waypoint, ...]:
    """Return a route, of which the last waypoint is changed."""
    route = [Waypoint(ordinal=number, lat_deg=47.0, lon_deg=8.0, alt_m=-3.0) for number in range(count)]
    return (*route[:-1], msgspec.structs.replace(route[-1], **changed))


SOUND = Flight(
    id="F-1",
    name="Ridge",
    source="file:ridge.plan",
    waypoints=points(),
    areas=(GroundPolygon(outer=CORNERS, holes=(CORNERS,), margin_m=10.0),),
    home=HomePosition(lat_deg=47.0, lon_deg=8.0, amsl_m=-3.0),
    fences=(Fence(inclusion=True, polygon=CORNERS), Fence(inclusion=False, center=(47.0, 8.0), radius_m=5.0)),
    rally_points=(RallyPoint(lat_deg=47.0, lon_deg=8.0, alt_m=50.0),),
    camera=CAMERA,
    notes=("nothing was left out",),
)

WRONG: dict[str, dict[str, Any]] = {
    "no waypoint": {"waypoints": ()},
    "more than can be": {"waypoints": points(MAX_WAYPOINTS + 1)},
    "a gap": {"waypoints": points(ordinal=2)},
    "a latitude beyond the pole": {"waypoints": points(lat_deg=90.1)},
    "no longitude": {"waypoints": points(lon_deg=math.nan)},
    "no altitude": {"waypoints": points(alt_m=math.inf)},
    "an inner circle": {"waypoints": points(loiter_radius_m=-1.0)},
    "an empty id": {"id": ""},
    "a name that rings": {"name": "Ridge\a"},
    "a note of two lines": {"notes": ("one\ntwo",)},
    "an objective with a colour": {"waypoints": points(objective="\x1b[31m")},
    "an area of two corners": {"areas": (GroundPolygon(outer=CORNERS[:2]),)},
    "a hole that is closed": {"areas": (GroundPolygon(outer=CORNERS, holes=((*CORNERS, CORNERS[0]),)),)},
    "an area nowhere": {"areas": (GroundPolygon(outer=((91.0, 0.0), *CORNERS)),)},
    "a margin inwards": {"areas": (GroundPolygon(outer=CORNERS, margin_m=-1.0),)},
    "a fence of nothing": {"fences": (Fence(inclusion=True),)},
    "a fence of both": {"fences": (Fence(inclusion=True, polygon=CORNERS, center=(47.0, 8.0), radius_m=5.0),)},
    "a circle of nothing": {"fences": (Fence(inclusion=True, center=(47.0, 8.0)),)},
    "a circle nowhere": {"fences": (Fence(inclusion=True, center=(47.0, 181.0), radius_m=5.0),)},
    "a rally point nowhere": {"rally_points": (RallyPoint(lat_deg=-91.0, lon_deg=0.0),)},
    "a rally point at no height": {"rally_points": (RallyPoint(lat_deg=0.0, lon_deg=0.0, alt_m=math.nan),)},
    "a home nowhere": {"home": HomePosition(lat_deg=math.inf, lon_deg=0.0)},
    "a home at no height": {"home": HomePosition(lat_deg=0.0, lon_deg=0.0, amsl_m=math.nan)},
    "a camera without a lens": {"camera": msgspec.structs.replace(CAMERA, focal_length_mm=0.0)},
    "a camera without a pixel": {"camera": msgspec.structs.replace(CAMERA, image_width_px=0)},
    "a camera that rings": {"camera": msgspec.structs.replace(CAMERA, name="\a")},
}


def test_a_flight_with_something_of_everything_is_sound() -> None:
    """Nothing is found where nothing is wrong."""
    assert flight_problems(SOUND) == []


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_found(what: str) -> None:
    """One sentence says it."""
    (problem,) = flight_problems(msgspec.structs.replace(SOUND, **WRONG[what]))
    assert problem.isprintable()
