"""How much is measured; the environment may say less, to see whether it works: its figures then mean nothing."""

from __future__ import annotations

import os

import msgspec

PARTS = ("tiles", "narrow", "many", "file", "fleet", "overlap")
_ENVIRONMENT = "COMPANION_LINK_"


class Scale(msgspec.Struct, frozen=True):
    """Sizes and runs; ``COMPANION_LINK_RUNS=1`` sets ``runs``, and so on."""

    parts: tuple[str, ...] = PARTS
    runs: int = 5
    tiles: int = 5_000
    """Multiples of 200."""
    narrow_runs: int = 1
    """Over a link that is narrower than everybody, runs do not differ by a hundredth, and take half a minute each."""
    each_tiles: int = 200
    """For who takes round trips a tile."""
    many_tiles: int = 150_000
    many_runs: int = 1
    """One takes six minutes, most of them to write the imagery, fill the store, and send all for the first time."""
    file_mb: int = 300
    fleet_tiles: int = 2_000
    fleet_runs: int = 1
    overlap_runs: int = 2


def scale() -> Scale:
    """Return what the environment asks for."""
    given: dict[str, object] = {}
    for field in Scale.__struct_fields__:
        text = os.environ.get(_ENVIRONMENT + field.upper())
        if text is not None:
            given[field] = text.split(",") if field == "parts" else text
    asked = msgspec.convert(given, Scale, strict=False)
    if not set(asked.parts) <= set(PARTS):
        raise SystemExit(f"{_ENVIRONMENT}PARTS={','.join(asked.parts)}: the parts are {', '.join(PARTS)}")
    return asked
