"""Pixels on the ground, of cameras and of tiles, against figures that others publish."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import Camera
from operator_tool.geo.resolution import camera_gsd_m, footprint_m, tile_gsd_m, zoom_equal

PHANTOM = Camera(
    name="DJI Phantom 4 Pro",
    sensor_width_mm=13.2,
    sensor_height_mm=8.8,
    focal_length_mm=8.8,
    image_width_px=5472,
    image_height_px=3648,
)


def test_a_cameras_pixel_is_what_its_maker_says() -> None:
    """DJI gives H / 36.5 cm a pixel, H in metres, for the Phantom 4 Pro and the Phantom 4 RTK."""
    assert camera_gsd_m(PHANTOM, 100.0) == pytest.approx(100.0 / 36.5 / 100.0, rel=0.002)


def test_a_footprint_is_half_the_pictures_diagonal() -> None:
    """At 100 m the Phantom's picture is 150 x 100 m, so it sees 90.1 m beyond the place below it."""
    assert footprint_m(PHANTOM, 100.0) == pytest.approx(math.hypot(150.0, 100.0) / 2.0)


@pytest.mark.parametrize(
    ("zoom", "lat_deg", "size_px", "metres"),
    [
        (0, 0.0, 256, 156543.034),
        (18, 0.0, 256, 0.597),
        (18, 49.0, 256, 0.392),
        (17, 49.0, 256, 0.783),
        (17, 0.0, 512, 0.597),
    ],
)
def test_a_tiles_pixel_is_what_the_maps_table_says(zoom: int, lat_deg: float, size_px: int, metres: float) -> None:
    """Figures of OpenStreetMap's table; a tile of 512 pixels is as sharp as one of 256 of the next zoom."""
    assert tile_gsd_m(zoom, lat_deg, size_px) == pytest.approx(metres, rel=0.002)


@given(st.floats(0.0, 22.0), st.floats(-85.0, 85.0), st.sampled_from((256, 512)))
def test_the_equal_zoom_is_the_inverse(zoom: float, lat_deg: float, size_px: int) -> None:
    """The zoom that equals a tile's pixel is the tile's zoom; with 512 pixels it is one less than with 256."""
    metres = tile_gsd_m(zoom, lat_deg, size_px)
    assert zoom_equal(metres, lat_deg, size_px) == pytest.approx(zoom, abs=1e-9)
    assert zoom_equal(metres, lat_deg, 256) == pytest.approx(zoom_equal(metres, lat_deg, 512) + 1.0, abs=1e-9)
