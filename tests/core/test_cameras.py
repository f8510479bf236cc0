"""Cameras by name: those that come with the tool, and those of the configuration file."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from operator_tool.api import Camera, ConfigError, UsageError
from operator_tool.cameras import all_cameras, builtin_cameras, find_camera
from operator_tool.redaction import Redactor
from operator_tool.settings import SettingsSources

OWN = """
[cameras.nadir]
sensor_width_mm = 6.287
sensor_height_mm = 4.712
focal_length_mm = 16
image_width_px = 4056
image_height_px = 3040
[cameras."Mavic 3E"]
title = "Ours"
sensor_width_mm = 17.3
sensor_height_mm = 13.0
focal_length_mm = 12.0
image_width_px = 5280
image_height_px = 3956
"""


def cameras_of(folder: Path, text: str) -> dict[str, Camera]:
    """Return the cameras of a configuration file."""
    config = folder / "config.toml"
    config.write_text(text)
    config.chmod(0o600)
    sources = SettingsSources.read(
        config_file=config, explicit=True, env={}, options=(), profiles=(), redactor=Redactor()
    )
    sources.check_all_used(())
    return dict(sources.cameras())


def refusal(folder: Path, text: str) -> ConfigError:
    """Return what a configuration file is refused with."""
    with pytest.raises(ConfigError) as caught:
        cameras_of(folder, text)
    return caught.value


def test_each_camera_that_comes_with_the_tool_can_be() -> None:
    """Square pixels within 2 %, of 0.7 to 20 micrometres; a field of view between a tele lens's and a fish-eye's."""
    cameras = builtin_cameras()
    assert len(cameras) >= 25
    assert len({camera.name for camera in cameras.values()}) == len(cameras)
    for name, camera in cameras.items():
        across_um = camera.sensor_width_mm / camera.image_width_px * 1000.0
        down_um = camera.sensor_height_mm / camera.image_height_px * 1000.0
        assert across_um == pytest.approx(down_um, rel=0.02), name
        assert 0.7 < across_um < 20.0, name
        half = math.hypot(camera.sensor_width_mm, camera.sensor_height_mm) / 2.0 / camera.focal_length_mm
        assert 25.0 < 2.0 * math.degrees(math.atan(half)) < 110.0, name


@pytest.mark.parametrize("name", ["mavic-3e", "Mavic 3E", "MAVIC_3e", "DJI Mavic 3E", "mavic3e"])
def test_a_camera_is_found_by_its_name_or_title(name: str) -> None:
    """Case, blanks and hyphens make no difference."""
    assert find_camera(name, {}).name == "DJI Mavic 3E"


def test_an_unknown_camera_is_refused_with_near_names() -> None:
    """Misspelt and shortened names lead to the right one."""
    with pytest.raises(UsageError, match="there is no camera mavik-3e") as caught:
        find_camera("mavik-3e", {})
    assert "mavic-3e" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        find_camera("rx1r", {})
    assert "sony-rx1r-ii-35" in caught.value.hint
    with pytest.raises(UsageError, match=r"there is no camera \\x1b\[31m") as caught:
        find_camera("\x1b[31m", {})
    assert "cameras list" in caught.value.hint
    with pytest.raises(UsageError, match="there is no camera ''"):
        find_camera("", {})


def test_own_cameras_are_read_and_stand_before_the_others(tmp_path: Path) -> None:
    """Whole numbers will do for millimetres; an own camera takes the place of one of the same name."""
    own = cameras_of(tmp_path, OWN)
    assert own["nadir"] == Camera(
        name="nadir",
        sensor_width_mm=6.287,
        sensor_height_mm=4.712,
        focal_length_mm=16.0,
        image_width_px=4056,
        image_height_px=3040,
    )
    assert find_camera("mavic-3e", own).name == "Ours"
    names = [(one.name, one.is_own) for one in all_cameras(own)]
    assert names[:2] == [("nadir", True), ("Mavic 3E", True)]
    assert ("mavic-3e", False) not in names
    assert cameras_of(tmp_path, "") == {}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("focal_length_mm = 16", "focal_length = 16", "no setting focal_length; did you mean focal_length_mm?"),
        ("focal_length_mm = 16\n", "", "focal_length_mm is missing"),
        ("focal_length_mm = 16", "focal_length_mm = 0", "focal_length_mm is 0, but wants a number above 0"),
        ("focal_length_mm = 16", "focal_length_mm = nan", "focal_length_mm is nan, but wants"),
        ("focal_length_mm = 16", "focal_length_mm = inf", "focal_length_mm is inf, but wants"),
        ("focal_length_mm = 16", "focal_length_mm = true", "focal_length_mm is True, but wants"),
        ("focal_length_mm = 16", 'focal_length_mm = "16"', "focal_length_mm is '16', but wants"),
        ("image_width_px = 4056", "image_width_px = 4056.5", "image_width_px is 4056.5, but wants a whole number"),
        ("image_width_px = 4056", "image_width_px = -1", "image_width_px is -1, but wants a whole number"),
    ],
)
def test_a_camera_that_can_not_be_is_refused_by_file_and_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    """The message names the file, the table, the key, and what is wanted."""
    error = refusal(tmp_path, OWN.replace(old, new, 1))
    assert words in error.message
    assert f"{tmp_path / 'config.toml'} [cameras.nadir]" in error.message


@pytest.mark.parametrize(
    "text", ["cameras = 3", "[cameras]\nnadir = 3", '[cameras."a\\u001bb"]', "[cameras]\n[cameras.x]\ntitle=3"]
)
def test_a_table_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    """As is a name that can't be one; nothing of it moves a cursor."""
    assert refusal(tmp_path, text).message.isprintable()
