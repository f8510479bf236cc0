"""Great circles: angles and places between two directions."""

from __future__ import annotations

import math

import pytest

from operator_tool.geo.great_circle import angle_between, direction_of, place_between


@pytest.mark.parametrize("angle_deg", [0.0, 1e-10, 1e-5, 1.0, 90.0, 179.99999, 180.0])
def test_an_angle_is_right_at_both_ends(angle_deg: float) -> None:
    """Along a meridian the angle is the difference of latitude, for a hundredth of a millimetre and for a half turn."""
    a, b = direction_of(-90.0, 11.0), direction_of(-90.0 + angle_deg, 11.0)
    assert math.degrees(angle_between(a, b)) == pytest.approx(angle_deg, rel=1e-4, abs=1e-13)
    assert angle_between(b, b) == 0.0


def test_places_between_are_evenly_spaced() -> None:
    """A third of the way along the equator is a third of the angle, also for a long leg."""
    a, b = direction_of(0.0, 10.0), direction_of(0.0, 130.0)
    angle = angle_between(a, b)
    assert place_between(a, b, angle, 1 / 3) == pytest.approx((0.0, 50.0), abs=1e-12)
    assert place_between(a, b, angle, 0.0) == pytest.approx((0.0, 10.0), abs=1e-12)
    assert place_between(a, b, angle, 1.0) == pytest.approx((0.0, 130.0), abs=1e-12)
