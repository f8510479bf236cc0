"""The part of the map that is drawn: all of the ground, by one scale, across 180° as one."""

from __future__ import annotations

import pytest

from operator_tool.geo.mercator import x_of, y_of
from operator_tool.plan_page.frame import Frame, frame_of
from operator_tool.plan_page.measures import meridians, parallels, scale_bar


def frame_about(lat_deg: float, lon_deg: float, size: float = 0.0001) -> Frame:
    """Return the frame of a small square."""
    x, y = x_of(lon_deg), y_of(lat_deg)
    return frame_of((x - size, y - size, x + size, y + size))


def test_the_ground_lies_within_the_frame_with_room_around_it() -> None:
    """Whatever its form."""
    for wide, high in ((0.01, 0.001), (0.001, 0.01), (1e-9, 1e-9)):
        frame = frame_of((0.5, 0.3, 0.5 + wide, 0.3 + high))
        for x, y in (frame.at(0.5, 0.3), frame.at(0.5 + wide, 0.3 + high)):
            assert frame.holds(x, y, -15.0)
        assert 400 < frame.height < 800


def test_a_single_place_is_shown_with_ground_around_it() -> None:
    """A frame of no size has no scale."""
    frame = frame_of((0.5, 0.3, 0.5, 0.3))
    assert frame.at(0.5, 0.3) == pytest.approx((frame.width / 2, frame.height / 2))
    assert scale_bar(frame).text == "10 m"


def test_what_lies_besides_is_shown_unless_it_is_far_off() -> None:
    """Home in another country must not make the route a dot."""
    ground = (0.5, 0.3, 0.51, 0.31)
    near, far = (0.512, 0.312, 0.512, 0.312), (0.7, 0.3, 0.7, 0.3)
    assert frame_of(ground, [near]).holds(*frame_of(ground, [near]).at(0.512, 0.312))
    assert frame_of(ground, [far]) == frame_of(ground)
    turned = (near[0] - 1.0, near[1], near[2] - 1.0, near[3])
    assert frame_of(ground, [turned]) == frame_of(ground, [near])


def test_a_line_across_the_antimeridian_has_no_jump() -> None:
    """It goes on beyond 180°."""
    frame = frame_about(-17.0, 179.99)
    (first, _), (second, _) = frame.line([(-17.0, 179.99), (-17.0, -179.99)])
    assert second - first == pytest.approx(frame.scale * 0.02 / 360.0)
    assert frame.place(-17.0, -179.99)[0] == pytest.approx(second)


def test_meridians_and_parallels_are_named_by_round_degrees() -> None:
    """On both sides of the antimeridian, of the equator and of Greenwich."""
    assert [one.text for one in meridians(frame_about(-17.0, 180.0))] == [
        "179.96°E",
        "179.98°E",
        "180.00°",
        "179.98°W",
        "179.96°W",
    ]
    assert "0.00°" in [one.text for one in meridians(frame_about(47.0, 0.0))]
    texts = [one.text for one in parallels(frame_about(0.0, 8.0))]
    assert texts == ["0.02°S", "0.00°", "0.02°N"]
    assert next(one.text for one in parallels(frame_of((0.0, -0.1, 1.0, 1.1)))) == "45°S"


@pytest.mark.parametrize(("lat_deg", "lon_deg"), [(0.0, 0.0), (47.0, 8.0), (-80.0, 170.0)])
def test_the_scale_bar_is_true_in_the_middle(lat_deg: float, lon_deg: float) -> None:
    """Compared with a length on the ellipsoid, reckoned otherwise."""
    pyproj = pytest.importorskip("pyproj")
    frame = frame_about(lat_deg, lon_deg)
    bar = scale_bar(frame)
    degrees = bar.length / frame.scale * 360.0
    metres = pyproj.Geod(ellps="WGS84").inv(lon_deg, frame.middle_lat_deg, lon_deg + degrees, frame.middle_lat_deg)[2]
    number, unit = bar.text.split()[:2]
    assert metres == pytest.approx(float(number) * (1000.0 if unit == "km" else 1.0), rel=1e-3)


def test_where_the_scale_changes_within_the_picture_the_bar_says_where_it_holds() -> None:
    """A map of half a continent has no one scale."""
    assert scale_bar(frame_of((0.5, 0.25, 0.55, 0.35))).text.endswith("°N")
