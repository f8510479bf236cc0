"""The camera that a plan was made for: from a survey of today, from one of version 3, or none."""

from __future__ import annotations

import pytest

from operator_tool.api import Camera
from tests.plugins.flight_sources.file.plans import complex_item, read_items, refusal
from tests.plugins.flight_sources.samples import Json, plan, simple_item

CALC: Json = {
    "CameraName": "Sony ILCE-QX1",
    "SensorWidth": 23.2,
    "SensorHeight": 15.4,
    "FocalLength": 16,
    "ImageWidth": 5456,
    "ImageHeight": 3632,
    "DistanceToSurface": 100,
    "DistanceToSurfaceRelative": True,
    "version": 1,
}
CAMERA = Camera(
    name="Sony ILCE-QX1",
    sensor_width_mm=23.2,
    sensor_height_mm=15.4,
    focal_length_mm=16,
    image_width_px=5456,
    image_height_px=3632,
)
V3_CAMERA = {
    "name": "Sony ILCE-QX1",
    "sensorWidth": 23.2,
    "sensorHeight": 15.4,
    "focalLength": 16,
    "resolutionWidth": 5456,
    "resolutionHeight": 3632,
    "orientationLandscape": True,
}
POLYGON = [[48.0, 11.0], [48.0, 11.1], [48.1, 11.1]]


def survey(**changes: object) -> Json:
    lines = {"CameraCalc": {**CALC, **changes}, "Items": [simple_item(48, 11)]}
    return complex_item("survey", 5, TransectStyleComplexItem=lines)


def v3(**more: object) -> Json:
    return complex_item("survey", 3, polygon=POLYGON, manualGrid=False, camera=V3_CAMERA, **more)


@pytest.mark.parametrize(
    "item",
    [
        survey(),
        survey(version=None, CameraSpecType=1),
        {**v3(), "grid": {"altitude": 50}},
        complex_item("StructureScan", 3, polygon=POLYGON, CameraCalc=CALC),
    ],
)
def test_the_camera_is_read_with_its_numbers(item: Json) -> None:
    """By whatever kind of item."""
    assert read_items(item).camera == CAMERA


@pytest.mark.parametrize(
    "item",
    [
        survey(CameraName="Manual (no camera specs)"),
        survey(CameraName="Custom Camera", SensorWidth=None),
        survey(FocalLength=0),
        survey(ImageWidth=1e12),
        {**v3(), "manualGrid": True},
        {**v3(), "camera": None},
        simple_item(48, 11),
    ],
)
def test_a_camera_without_numbers_is_none(item: Json) -> None:
    """A zero or a missing number says nothing about a picture."""
    assert read_items(item).camera is None


def test_a_custom_camera_with_numbers_is_a_camera() -> None:
    """Its numbers are what counts; a name that is missing is made."""
    custom = read_items(survey(CameraName="Custom Camera")).camera
    unnamed = read_items(survey(CameraName=None)).camera
    assert custom is not None
    assert unnamed is not None
    assert (custom.name, unnamed.name) == ("Custom Camera", "the plan's camera")


def test_of_two_cameras_the_first_counts_and_it_is_said() -> None:
    """A flight is planned for one; the same one twice is no news."""
    found = read_items(survey(), survey(), survey(CameraName="Other \x1b[31m"))
    assert found.camera == CAMERA
    assert found.notes == (
        "mission.items[2].TransectStyleComplexItem: planned for another camera, Other \\x1b[31m; Sony ILCE-QX1 counts.",
    )


def test_a_number_that_is_none_is_refused_with_its_place() -> None:
    """Text where a number stands is a damaged file."""
    place = "mission.items[0].TransectStyleComplexItem.CameraCalc"
    assert refusal(plan(survey(SensorWidth="wide"))).startswith(f"{place}.SensorWidth: 'wide', expected a number")
    assert refusal(plan(survey(CameraName=7))).startswith(f"{place}.CameraName: 7, expected text")
    assert refusal(plan(survey(DistanceToSurface=-1))).startswith(f"{place}.DistanceToSurface: -1, expected metres")
