"""Cameras by their names."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

from operator_tool.api import Camera, UsageError
from operator_tool.api.escaping import escape_controls

from .fields import camera_of

_SHOWN = 5


class KnownCamera(NamedTuple):
    """One camera, the name by which ``--camera`` takes it, and whether it is of the configuration file."""

    name: str
    camera: Camera
    is_own: bool


def builtin_cameras() -> dict[str, Camera]:
    """Return the cameras that come with the tool, in the order of their list; it is read anew each time."""
    text = resources.files(__package__).joinpath("builtin.toml").read_text(encoding="utf-8")
    return {name: camera_of(name, table, f"builtin.toml [{name}]") for name, table in tomllib.loads(text).items()}


def all_cameras(own: Mapping[str, Camera]) -> tuple[KnownCamera, ...]:
    """Return the configuration's cameras and then the others; an own one takes the place of one of the same name."""
    mine = {_plain(name) for name in own}
    others = {name: camera for name, camera in builtin_cameras().items() if _plain(name) not in mine}
    return (
        *(KnownCamera(name, camera, True) for name, camera in own.items()),
        *(KnownCamera(name, camera, False) for name, camera in others.items()),
    )


def find_camera(name: str, own: Mapping[str, Camera]) -> Camera:
    """Return the camera of that name, or of that title; case, blanks and hyphens make no difference.

    Raises ``UsageError`` with the names that are near.
    """
    known = all_cameras(own)
    wanted = _plain(name)
    for one in known:
        if wanted == _plain(one.name):
            return one.camera
    titled = [one.camera for one in known if wanted == _plain(one.camera.name)]
    if len(titled) == 1:
        return titled[0]
    names = {_plain(one.name): one.name for one in known}
    near = difflib.get_close_matches(wanted, names, n=_SHOWN, cutoff=0.5)
    near += [plain for plain in names if wanted and wanted in plain and plain not in near][: _SHOWN - len(near)]
    like = f"Near it are {', '.join(names[one] for one in near)}. " if near else ""
    raise UsageError(
        f"there is no camera {escape_controls(name, limit=64) or repr(name)}",
        hint=f"{like}operator-tool cameras list shows all; your own are tables [cameras.NAME] of the configuration.",
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.casefold())
