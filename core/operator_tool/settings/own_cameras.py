"""The cameras of the configuration file: ``[cameras.NAME]``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operator_tool.api import Camera, ConfigError
from operator_tool.cameras.fields import camera_of
from operator_tool.redaction import Redactor

from .given import shown

SECTION = "cameras"
_NAME = re.compile(r"[A-Za-z0-9._ -]{1,64}")


def parse_cameras(table: Mapping[str, Any], path: Path, redactor: Redactor) -> dict[str, Camera]:
    """Return the cameras by name, in the file's order. Raises :class:`ConfigError` that names what is wrong."""
    for name in table:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{path} [{SECTION}]: {shown(name, redactor)} can't be a camera's name",
                hint="A name is 1 to 64 letters, digits, dots, underscores, blanks and hyphens.",
            )
    return {name: camera_of(name, value, f"{path} [{SECTION}.{name}]") for name, value in table.items()}
