"""One camera's table, of the list that comes with the tool or of the configuration file."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from operator_tool.api import Camera, ConfigError
from operator_tool.api.escaping import escape_controls

_MILLIMETRES = ("sensor_width_mm", "sensor_height_mm", "focal_length_mm")
_PIXELS = ("image_width_px", "image_height_px")
_KEYS = (*_MILLIMETRES, *_PIXELS)
_TITLE = "title"
MAX_MM = 10_000.0
MAX_PX = 1_000_000


def camera_of(name: str, table: object, where: str) -> Camera:
    """Return the camera that a table spells; ``where`` names file and table.

    Raises ``ConfigError`` for an unknown key, one that is missing, and a size that can't be.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: a camera wants a table", hint=f"It has {', '.join(_KEYS)}.")
    unknown = next((key for key in table if key not in (*_KEYS, _TITLE)), None)
    if unknown is not None:
        near = difflib.get_close_matches(str(unknown), _KEYS, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(
            f"{where}: a camera has no setting {escape_controls(str(unknown), limit=64)}{meant}",
            hint=f"It has {', '.join(_KEYS)}, and {_TITLE}.",
        )
    title = table.get(_TITLE, name)
    if not isinstance(title, str) or not title.strip():
        raise ConfigError(f"{where}: {_TITLE} wants a text")
    sizes: dict[str, Any] = {key: _size(table, key, where) for key in _KEYS}
    return Camera(name=escape_controls(title, limit=80), **sizes)


def _size(table: Mapping[str, object], key: str, where: str) -> float | int:
    if key not in table:
        raise ConfigError(f"{where}: {key} is missing", hint=f"A camera has {', '.join(_KEYS)}.")
    value = table[key]
    whole = key in _PIXELS
    wanted = f"a whole number from 1 to {MAX_PX:,}" if whole else f"a number above 0 and up to {MAX_MM:,.0f}"
    is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if is_number:
        assert isinstance(value, (int, float))
        if math.isfinite(value) and 0 < value <= (MAX_PX if whole else MAX_MM):
            return value if whole else float(value)
    raise ConfigError(f"{where}: {key} is {escape_controls(repr(value), limit=80)}, but wants {wanted}")
