"""A line beside another one: sharp corners, on the right side, and never farther out than ten offsets."""

from __future__ import annotations

import math

import pytest

from operator_tool.api import Place
from operator_tool_plugins.flight_sources.file.offset_line import is_clockwise, offset_line

LAT_M = 111_195.0


def metres(line: list[Place], about: Place) -> list[tuple[float, float]]:
    """East and north of a place."""
    lon_m = LAT_M * math.cos(math.radians(about[0]))
    return [(((lon - about[1] + 180) % 360 - 180) * lon_m, (lat - about[0]) * LAT_M) for lat, lon in line]


def test_a_line_moves_to_the_right_of_its_direction() -> None:
    """North, then east: the corner lies inside, the ends straight beside."""
    about = (60.0, 10.0)
    step = 1000 / LAT_M
    line = [about, (60 + step, 10), (60 + step, 10 + 2 * step)]
    assert metres(offset_line(line, 100, closed=False), about) == [
        pytest.approx((100, 0), abs=1e-6),
        pytest.approx((100, 900), abs=1e-6),
        pytest.approx((1000, 900), abs=1e-6),
    ]
    assert metres(offset_line(line, -100, closed=False), about)[1] == pytest.approx((-100, 1100), abs=1e-6)


@pytest.mark.parametrize("lon", [10.0, 180.0, -180.0, 179.9999])
def test_a_ring_is_moved_on_all_sides(lon: float) -> None:
    """Across 180 degrees too; the last corner is met by the first."""
    step = 1000 / LAT_M
    ring = [(0.0, lon), (step, lon), (step, lon + step), (0.0, lon + step)]
    ring = [(lat, (x + 180) % 360 - 180) for lat, x in ring]
    assert is_clockwise(ring)
    assert not is_clockwise(ring[::-1])
    moved = offset_line(ring, -100, closed=True)
    assert all(-180 <= x <= 180 for _, x in moved)
    assert metres(moved, (0.0, lon)) == [
        pytest.approx(corner, abs=1e-3) for corner in ((-100, -100), (-100, 1100), (1100, 1100), (1100, -100))
    ]


@pytest.mark.parametrize("turn_deg", [90, 150, 169, 175, 179.9, 180])
def test_a_sharp_corner_stays_within_ten_offsets(turn_deg: float) -> None:
    """A line that turns back would otherwise have its corner at infinity."""
    about = (0.0, 10.0)
    step = 1000 / LAT_M
    turn = math.radians(turn_deg)
    line = [(0.0, 10 - step), about, (math.sin(turn) * step, 10 + math.cos(turn) * step)]
    corner = metres(offset_line(line, 10, closed=False), about)[1]
    away_m = math.hypot(*corner)
    assert 10 - 1e-6 <= away_m <= 100 + 1e-6
    if turn_deg <= 150:
        assert away_m == pytest.approx(10 / math.cos(turn / 2), rel=1e-6)
