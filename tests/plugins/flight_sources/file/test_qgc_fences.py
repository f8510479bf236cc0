"""Fences and rally points of both versions are kept, or refused with the place."""

from __future__ import annotations

import pytest

from operator_tool.api import Fence, RallyPoint
from operator_tool_plugins.flight_sources.file.found import Found
from tests.plugins.flight_sources.file.plans import read, refusal
from tests.plugins.flight_sources.samples import Json, plan, simple_item

CORNERS = [[48.0, 11.0], [48.0, 11.1], [48.1, 11.1]]
POLYGON = ((48.0, 11.0), (48.0, 11.1), (48.1, 11.1))
CIRCLE = {"circle": {"center": [48, 11], "radius": 400}, "inclusion": True, "version": 1}


def fenced(fence: object) -> Json:
    return plan(simple_item(48, 11), geoFence=fence)


def v2(*polygons: Json, circles: object = ()) -> Json:
    return fenced({"version": 2, "polygons": list(polygons), "circles": list(circles)})  # type: ignore[call-overload]


def entry(polygon: object, *, inclusion: object = True) -> Json:
    return {"polygon": polygon, "inclusion": inclusion, "version": 1}


def test_polygons_and_circles_are_kept_in_order() -> None:
    """Some to stay in, some to keep out of."""
    document = v2(entry(CORNERS), entry([*CORNERS, CORNERS[0]], inclusion=False), circles=[CIRCLE])
    assert read(document).fences == (
        Fence(inclusion=True, polygon=POLYGON, source="geoFence.polygons[0].polygon"),
        Fence(inclusion=False, polygon=POLYGON, source="geoFence.polygons[1].polygon"),
        Fence(inclusion=True, center=(48, 11), radius_m=400, source="geoFence.circles[0].circle"),
    )


def test_the_polygon_of_version_1_is_one_to_stay_in() -> None:
    """It had one at most, and an empty one for none."""
    assert read(fenced({"version": 1, "polygon": CORNERS})).fences == (
        Fence(inclusion=True, polygon=POLYGON, source="geoFence.polygon"),
    )
    found = read(fenced({"version": 1, "polygon": []}))
    assert (found.fences, found.notes) == ((), ())


def test_where_the_drone_goes_after_a_breach_is_kept_as_left_out() -> None:
    """The plan says whether it lies outside of the ground; one that can't be read is passed over."""
    for breach, places in (([48.2, 11.3, 40], [((48.2, 11.3),)]), ([148.2, 11.3], []), ("x", [])):
        assert [one.places for one in read(fenced({**v2(), "breachReturn": breach})).left_out] == places


@pytest.mark.parametrize("fence", [None, {}, {"version": 2}, {"version": 2, "breachReturn": [48, 11, 50]}])
def test_a_plan_may_have_no_fence(fence: object) -> None:
    """Where the drone goes after a breach is none."""
    assert read(fenced(fence)).fences == ()


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (v2(entry([])), "geoFence.polygons[0].polygon: a fence of 0 different corners; left out."),
        (v2(entry([*CORNERS[:2]] * 3)), "geoFence.polygons[0].polygon: a fence of 2 different corners; left out."),
        (
            v2(circles=[{**CIRCLE, "circle": {"center": [48, 11], "radius": 0}}]),
            "geoFence.circles[0].circle: a fence of 0 m radius; left out.",
        ),
    ],
)
def test_a_fence_that_encloses_nothing_is_left_out_and_noted(document: Json, place: str) -> None:
    """It would leave no ground at all."""
    found = read(document)
    assert (found.fences, found.notes) == ((), (place,))


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (fenced({"version": 3}), "geoFence.version: 3, expected 1 or 2"),
        (fenced([]), "geoFence: a list, expected an object"),
        (fenced({"version": 2, "polygons": 7}), "geoFence.polygons: 7, expected a list"),
        (v2(entry(None)), "geoFence.polygons[0].polygon: null, expected the fence's corners"),
        (v2(entry([*CORNERS, [48, 190]])), "geoFence.polygons[0].polygon[3][1]: longitude 190"),
        (v2(entry([*CORNERS, [None, 11]])), "geoFence.polygons[0].polygon[3][0]: null, expected a number"),
        (v2(entry([[80, 0], [80, 120], [80, -120]])), "geoFence.polygons[0].polygon: this polygon goes around a pole"),
        (v2(entry(CORNERS, inclusion=None)), "geoFence.polygons[0].inclusion: null, expected true or false"),
        (v2(entry(CORNERS, inclusion="in")), "geoFence.polygons[0].inclusion: 'in', expected true or false"),
        (v2(circles=[{"inclusion": True}]), "geoFence.circles[0].circle: missing"),
        (v2(circles=[{**CIRCLE, "circle": {"radius": 1}}]), "geoFence.circles[0].circle.center: missing"),
        (
            v2(circles=[{**CIRCLE, "circle": {"center": [48, 11], "radius": -4}}]),
            "geoFence.circles[0].circle.radius: -4, expected metres",
        ),
        (plan(simple_item(48, 11), rallyPoints={"version": 9}), "rallyPoints.version: 9, expected 1 or 2"),
        (
            plan(simple_item(48, 11), rallyPoints={"version": 2, "points": [[48, 11, 9], [48]]}),
            "rallyPoints.points[1]: 1 numbers",
        ),
    ],
)
def test_what_cant_be_read_is_refused_with_its_place(document: Json, place: str) -> None:
    """A fence that is misread would cut needed ground away."""
    assert refusal(document).startswith(place)


@pytest.mark.parametrize("version", [1, 2])
def test_rally_points_are_kept(version: int) -> None:
    """Their altitude is above home and may be missing."""

    def with_points(*points: object) -> Found:
        return read(plan(simple_item(48, 11), rallyPoints={"version": version, "points": list(points)}))

    assert with_points([48, 11, 30], [48.1, 11.1]).rally_points == (
        RallyPoint(lat_deg=48, lon_deg=11, alt_m=30),
        RallyPoint(lat_deg=48.1, lon_deg=11.1),
    )
    assert with_points().rally_points == ()
    assert read(plan(simple_item(48, 11), rallyPoints=None)).rally_points == ()
