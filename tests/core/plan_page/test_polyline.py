"""Lines made shorter: nothing that can be seen goes, and the work grows with the length only."""

from __future__ import annotations

import math
import random

from shapely import LineString

from operator_tool.plan_page.polyline import simplified, simplified_to


def test_a_shortened_line_strays_by_no_more_than_it_may() -> None:
    """In both directions, on random walks, spirals and lines that turn back on themselves."""
    dice = random.Random(6)
    walk = [(0.0, 0.0)]
    for _ in range(3_000):
        walk.append((walk[-1][0] + dice.gauss(0, 1), walk[-1][1] + dice.gauss(0, 1)))
    spiral = [(i * math.cos(i / 20) / 10, i * math.sin(i / 20) / 10) for i in range(3_000)]
    spike = [(0.0, 0.0), (100.0, 0.0), (50.0, 0.1), (60.0, 0.0), (0.0, 0.2)]
    for line in (walk, spiral, spike):
        shown = simplified(line, 0.5)
        assert shown[0] == line[0]
        assert shown[-1] == line[-1]
        assert LineString(line).hausdorff_distance(LineString(shown)) <= 1.0


def test_a_straight_line_of_many_points_becomes_two() -> None:
    """As a leg of many pieces is."""
    assert simplified([(i / 10, i / 7) for i in range(10_000)], 0.3) == [(0.0, 0.0), (999.9, 9_999 / 7)]


def test_points_on_one_place_are_one() -> None:
    """A route of one waypoint has a piece of no length."""
    assert simplified([(1.0, 1.0)] * 5, 0.3) == [(1.0, 1.0), (1.0, 1.0)]
    assert simplified([(1.0, 1.0)], 0.3) == [(1.0, 1.0)]


def test_a_scribble_is_drawn_with_no_more_points_than_asked() -> None:
    """What no eye follows needs no megabytes."""
    dice = random.Random(6)
    scribble = [(dice.random() * 1000, dice.random() * 700) for _ in range(20_000)]
    assert len(simplified_to(scribble, 0.3, 5_000)) <= 5_000
