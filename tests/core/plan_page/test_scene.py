"""What is shown: all that a flight has, each at its place, and labels that don't hide one another."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    AreaRequest,
    Fence,
    GroundPolygon,
    HomePosition,
    RallyPoint,
)
from operator_tool.plan_page.frame import frame_of
from operator_tool.plan_page.labels import Room, arrows_along, spread
from operator_tool.plan_page.legend import legend_of
from operator_tool.plan_page.scene import Scene, scene_of

from .plans import LEG, NOTHING, flight_of, plan_of

SQUARE = ((47.05, 8.311), (47.05, 8.315), (47.053, 8.315), (47.053, 8.311))
RICH = flight_of(
    *LEG,
    home=HomePosition(lat_deg=47.0545, lon_deg=8.309),
    returns_home=True,
    fences=(
        Fence(inclusion=True, polygon=((47.04, 8.30), (47.04, 8.33), (47.065, 8.33), (47.065, 8.30))),
        Fence(inclusion=False, center=(47.053, 8.318), radius_m=100.0),
    ),
    rally_points=(RallyPoint(lat_deg=47.052, lon_deg=8.32),),
    areas=(GroundPolygon(outer=SQUARE),),
)


def scene_for(*places: tuple[float, float], **more: Any) -> Scene:
    """Return the scene of a flight through these places."""
    return scene_of(plan_of(flight_of(*places, **more)), NOTHING)


def test_everything_that_a_flight_has_is_there_and_in_the_legend() -> None:
    """And nothing else is in the legend."""
    circling = tuple(msgspec.structs.replace(one, loiter_radius_m=80.0 * (one.ordinal == 1)) for one in RICH.waypoints)
    scene = scene_of(plan_of(msgspec.structs.replace(RICH, waypoints=circling)), NOTHING)
    assert {kind for kind, _ in legend_of(scene)} == {
        "missing", "ground", "route", "takeoff", "home", "homeleg", "circle", "area", "inclusion", "exclusion", "rally",
    }  # fmt: skip
    assert {kind for kind, _ in legend_of(scene_for(*LEG))} == {"missing", "ground", "route", "takeoff"}
    assert [len(line) for line in scene.home_legs] == [2, 2]
    assert scene.circles[0].radius == pytest.approx(80.0 * scene.frame.per_metre(47.058), rel=1e-6)
    assert scene.ground.fence is not None
    assert not scene.outside


def test_the_ways_home_are_shown_only_where_they_belong_to_the_ground() -> None:
    """With ``--no-home`` they don't."""
    assert not scene_of(plan_of(RICH, area=AreaRequest(home_legs=False)), NOTHING).home_legs


def test_what_is_too_far_off_is_told_and_does_not_shrink_the_picture() -> None:
    """A home 500 km away."""
    there = scene_for(*LEG, home=HomePosition(lat_deg=51.0, lon_deg=8.0))
    assert there.outside == ("home",)
    assert there.home is None
    assert there.frame == scene_for(*LEG).frame


def test_labels_hide_neither_one_another_nor_leave_the_picture() -> None:
    """On a dense survey: only some have room, the first and the last always."""
    survey = [(47.05 + (i % 2) * 0.004, 8.31 + i * 0.00004) for i in range(200)]
    scene = scene_for(*survey)
    texts = [label.text for label in scene.labels]
    assert "0 takeoff" in texts
    assert "199 last" in texts
    assert 4 < len(texts) < 200
    boxes = []
    for label in scene.labels:
        wide = 7.0 * len(label.text)
        left = label.x if label.anchor == "start" else label.x - wide
        boxes.append((left, label.y if label.below else label.y - 12, left + wide, label.y + 12 * label.below))
    for one, other in itertools.combinations(boxes, 2):
        assert one[0] >= other[2] or one[2] <= other[0] or one[1] >= other[3] or one[3] <= other[1]
    assert all(scene.frame.holds(box[0], box[1]) and scene.frame.holds(box[2], box[3]) for box in boxes)


def test_where_there_is_no_room_there_is_no_label() -> None:
    """The guard that the test above stands on."""
    room = Room(frame_of((0.5, 0.3, 0.51, 0.31)))
    assert room.label((500.0, 300.0), "first", key=False) is not None
    room.take((400.0, 200.0, 600.0, 400.0))
    assert room.label((500.0, 300.0), "second", key=False) is None


def test_arrows_point_along_the_flight() -> None:
    """East is 0 degrees, south 90."""
    frame = frame_of((0.5, 0.3, 0.51, 0.31))
    arrows = arrows_along([(100.0, 100.0), (300.0, 100.0), (300.0, 300.0)], frame)
    assert [(round(one.x), round(one.y), round(one.degrees)) for one in arrows] == [(200, 100, 0), (300, 200, 90)]


def test_a_choice_of_labels_is_spread_over_all() -> None:
    """Each number comes once; the first few are the ends and the middle."""
    assert sorted(spread(100)) == list(range(100))
    assert list(spread(101))[:3] == [0, 100, 50]
    assert list(spread(1)) == [0]


def test_a_single_place_is_a_picture_too() -> None:
    """A route of one waypoint has no line."""
    scene = scene_for(LEG[0])
    assert [label.text for label in scene.labels] == ["0 takeoff"]
    assert "route" not in dict(legend_of(scene))


def test_a_flight_across_the_antimeridian_is_one_picture() -> None:
    """Its route, home and fence lie on one side of the frame after the other."""
    scene = scene_for(
        (-16.9, 179.98),
        (-16.9, -179.98),
        home=HomePosition(lat_deg=-16.9, lon_deg=-179.985),
        fences=(Fence(inclusion=True, polygon=((-16.8, 179.9), (-16.8, -179.9), (-17.0, -179.9), (-17.0, 179.9))),),
    )
    assert all(scene.frame.holds(x, y) for x, y in scene.route)
    assert scene.route[0][0] < scene.frame.width / 2 < scene.route[-1][0]
    assert scene.home is not None
    assert scene.home.x > scene.frame.width / 2
    assert all(abs(a[0] - b[0]) < scene.frame.scale / 1000.0 for a, b in itertools.pairwise(scene.fences[0].ring))
