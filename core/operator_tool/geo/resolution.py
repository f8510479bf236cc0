"""How large a pixel is on the ground, of a camera and of a map tile, and which zoom equals a camera."""

from __future__ import annotations

import math

from operator_tool.api import Camera

from .mercator import EARTH_RADIUS_M

PIXELS_OF_A_TILE = 256
"""What zooms are counted by: at zoom 0 the world is one tile of so many pixels."""


def tile_gsd_m(zoom: float, lat_deg: float, tile_size_px: int = PIXELS_OF_A_TILE) -> float:
    """Return how large a tile's pixel is on the ground, in metres: 156,543.03 cos(latitude) / 2^zoom for 256 pixels.

    The scale of the spherical Mercator map (EPSG:3857), whose equator of 2 pi 6,378,137 m is one tile at zoom 0; see
    OpenStreetMap's wiki, "Zoom levels".
    """
    return math.tau * EARTH_RADIUS_M * math.cos(math.radians(lat_deg)) / math.exp2(zoom) / tile_size_px


def camera_gsd_m(camera: Camera, height_m: float) -> float:
    """Return how large a camera's pixel is on level ground ``height_m`` below it, in metres, when it looks down.

    Height x sensor width / (focal length x image width): similar triangles, as in QGroundControl's CameraCalc.
    """
    return height_m * camera.sensor_width_mm / (camera.focal_length_mm * camera.image_width_px)


def footprint_m(camera: Camera, height_m: float) -> float:
    """Return how far the camera sees beyond the place below it: half the diagonal of its picture on level ground."""
    diagonal_mm = math.hypot(camera.sensor_width_mm, camera.sensor_height_mm)
    return height_m * diagonal_mm / camera.focal_length_mm / 2.0


def zoom_equal(gsd_m: float, lat_deg: float, tile_size_px: int = PIXELS_OF_A_TILE) -> float:
    """Return the zoom, with its fraction, whose pixels are as large as ``gsd_m``: the inverse of ``tile_gsd_m``."""
    return math.log2(tile_gsd_m(0, lat_deg, tile_size_px) / gsd_m)
