"""The camera that a survey of QGroundControl was planned for, and the height that it was planned at."""

from __future__ import annotations

from operator_tool.api import AltitudeFrame, Camera

from .._escaping import escaped
from .._json_node import Node
from .qgc_numbers import metres
from .qgc_simple_item import ALTITUDE_MODES

_CALC_KEYS = ("SensorWidth", "SensorHeight", "FocalLength", "ImageWidth", "ImageHeight")
_V3_KEYS = ("sensorWidth", "sensorHeight", "focalLength", "resolutionWidth", "resolutionHeight")
_MANUAL = "Manual"
"""QGroundControl's name for a survey without a camera begins with it, and may be translated after it."""
_MOST = 1_000_000.0

Altitude = tuple[float | None, AltitudeFrame]


def read_camera_calc(calc: Node | None) -> Camera | None:
    """Return the camera of a ``CameraCalc``, None where none was chosen or its numbers are not there."""
    return None if calc is None else _camera(calc, "CameraName", _CALC_KEYS)


def read_v3_camera(item: Node) -> Camera | None:
    """Return the camera of a survey of version 3, None where its grid was typed by hand."""
    camera = item.get("camera")
    manual = item.get("manualGrid")
    if camera is None or (manual is not None and manual.value is True):
        return None
    return _camera(camera, "name", _V3_KEYS)


def distance_to_surface_m(calc: Node | None) -> float:
    """Return how far from the ground, or from a structure, the drone stays; 0 where it isn't said."""
    return 0.0 if calc is None else metres(calc.get("DistanceToSurface"))


def planned_altitude(calc: Node | None, *, follows_terrain: bool) -> Altitude:
    """Return the altitude of what is flown, and what it is measured from: by flags, in newer plans by a mode."""
    distance = None if calc is None else calc.get("DistanceToSurface")
    if calc is None or distance is None:
        return None, AltitudeFrame.UNKNOWN
    mode = calc.get("DistanceMode")
    if mode is not None:
        return distance.number(), ALTITUDE_MODES.get(mode.integer(), AltitudeFrame.UNKNOWN)
    if follows_terrain:
        return distance.number(), AltitudeFrame.TERRAIN
    return distance.number(), relative_or_amsl(calc.get("DistanceToSurfaceRelative"))


def relative_or_amsl(relative: Node | None) -> AltitudeFrame:
    """Return what one of QGroundControl's flags says that an altitude is measured from."""
    if relative is None or not isinstance(relative.value, bool):
        return AltitudeFrame.UNKNOWN
    return AltitudeFrame.TAKEOFF if relative.value else AltitudeFrame.AMSL


def _camera(node: Node, name_key: str, keys: tuple[str, ...]) -> Camera | None:
    name = node.get(name_key)
    shown = "" if name is None else escaped(name.text())
    given = [node.get(key) for key in keys]
    numbers = [number.number() for number in given if number is not None]
    if shown.startswith(_MANUAL) or len(numbers) < len(keys) or not all(0.0 < number <= _MOST for number in numbers):
        return None
    width_mm, height_mm, focal_mm, width_px, height_px = numbers
    return Camera(
        name=shown or "the plan's camera",
        sensor_width_mm=width_mm,
        sensor_height_mm=height_mm,
        focal_length_mm=focal_mm,
        image_width_px=max(1, round(width_px)),
        image_height_px=max(1, round(height_px)),
    )
