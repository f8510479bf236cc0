"""What is cut off before it is drawn: compared with shapely's, and nothing within is lost."""

from __future__ import annotations

import random

import pytest
from shapely import LineString, Polygon, box

from operator_tool.plan_page.clip import part_within, surface_within

BOX = (0.0, 0.0, 100.0, 60.0)


def test_the_part_of_a_segment_within_the_box_is_the_same_as_shapely_s() -> None:
    """On random segments, many of which miss it, and on upright and level ones."""
    dice = random.Random(6)
    for _ in range(2_000):
        a, b = ((dice.uniform(-200, 300), dice.uniform(-200, 300)) for _ in range(2))
        if dice.random() < 0.2:
            b = (a[0], b[1]) if dice.random() < 0.5 else (b[0], a[1])
        within = part_within(a, b, BOX)
        expected = LineString([a, b]).intersection(box(*BOX)).length
        length = LineString([a, b]).length
        assert (0.0 if within is None else (within[1] - within[0]) * length) == pytest.approx(expected, abs=1e-6)


def test_a_ring_covers_the_same_of_the_box_as_before() -> None:
    """On random stars, larger than the box by any measure; one that is elsewhere is nothing."""
    dice = random.Random(6)
    for _ in range(500):
        size = 10 ** dice.uniform(1, 6)
        ring = [(50 + dice.uniform(-size, size), 30 + dice.uniform(-size, size)) for _ in range(3)]
        cut = surface_within(ring, BOX)
        expected = Polygon(ring).intersection(box(*BOX)).area
        assert (Polygon(cut).area if len(cut) > 2 else 0.0) == pytest.approx(expected, abs=1e-3)
    assert surface_within([(200.0, 0.0), (300.0, 0.0), (300.0, 50.0)], BOX) == []
