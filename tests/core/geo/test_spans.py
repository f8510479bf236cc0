"""Spans of tiles in a row: they are merged, and brought back into the world."""

from __future__ import annotations

import pytest

from operator_tool.geo.spans import Span, wrapped


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(5, 9)], [(5, 9)]),
        ([(5, 9), (7, 8)], [(5, 9)]),
        ([(7, 12), (5, 9)], [(5, 12)]),
        ([(5, 9), (10, 12)], [(5, 12)]),
        ([(5, 9), (11, 12)], [(5, 9), (11, 12)]),
        ([(-2, 1)], [(0, 1), (30, 31)]),
        ([(30, 33)], [(0, 1), (30, 31)]),
        ([(30, 33), (2, 4), (64 + 20, 64 + 29)], [(0, 4), (20, 31)]),
        ([(31, 31), (32, 32)], [(0, 0), (31, 31)]),
        ([(3, 34)], [(0, 31)]),
        ([(3, 33)], [(0, 1), (3, 31)]),
        ([(3, 4), (-40, 40)], [(0, 31)]),
    ],
)
def test_spans_are_merged_within_the_world(spans: list[Span], expected: list[Span]) -> None:
    """Overlapping and touching spans become one, and those beyond the antimeridian come round, in ascending order."""
    assert list(wrapped(spans, 32)) == expected
