"""A first look at a folder of tiles: a listing of each zoom and one tile, never a walk through all of it."""

from __future__ import annotations

import errno
import hashlib
import os
from itertools import islice
from pathlib import Path

import msgspec

from operator_tool.api import MAX_ZOOM, ConfigError

from .._rows import RowsSetting, side_of_word
from .first_tiles import NUMBER, FirstTiles, first_tiles
from .plain_file import read_plain_file

_MAX_METADATA_BYTES = 1024 * 1024
_MAX_METADATA_CHARACTERS = 4_096
_MAX_COLUMNS = 10_000
"""Of a zoom with more columns only its own folder's time is looked at: at zoom 19 that is 500 km."""
_METADATA_FILES = ("tilemapresource.xml", "metadata.json")


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a folder."""

    root: Path
    zooms: tuple[int, ...]
    """Ascending, never empty."""
    from_south: bool
    dataset: str
    first: FirstTiles
    metadata: dict[str, msgspec.Raw]
    """The members of the folder's metadata.json."""

    def text(self, name: str) -> str:
        """Return what the metadata say, empty where they don't."""
        return _text(self.metadata, name)

    def has(self, name: str) -> bool:
        """Say whether the metadata have such a member that isn't empty."""
        return bytes(self.metadata.get(name, b"")).strip() not in (b"", b"null", b"[]", b"{}", b'""')

    @property
    def bounds(self) -> str:
        """The bounds that the metadata announce, as a text or a list; empty where they don't."""
        return self.text("bounds") or bytes(self.metadata.get("bounds", b"")).decode("utf-8", "replace")[:200]


def look_at(path: Path, layout: RowsSetting) -> Look:
    """Look at the folder. Raises ``ConfigError`` when it can't be one of tiles."""
    try:
        root = path.resolve(strict=True)
        numbers = sorted(int(entry.name) for entry in root.iterdir() if NUMBER.fullmatch(entry.name))
        zooms = tuple(z for z in numbers if z <= MAX_ZOOM and (root / str(z)).is_dir())
        columns = [(z, _columns(root / str(z))) for z in zooms]
        files = {name: read_plain_file(root / name, max_bytes=_MAX_METADATA_BYTES) for name in _METADATA_FILES}
    except (OSError, RuntimeError) as error:
        seen = error.strerror if isinstance(error, OSError) else "its links go round in a circle"
        raise ConfigError(f"folder.path {path} can't be read: {seen}") from error
    if not zooms:
        raise ConfigError(
            f"folder.path {path} holds no folder that is named as a zoom is",
            hint=f"Set folder.path to the folder in which those of the zooms, 0 to {MAX_ZOOM}, lie: tiles are z/x/y.jpg"
            " from there.",
        )
    resource, document = (files[name][0] for name in _METADATA_FILES)
    metadata = _members(document)
    if layout == "auto":
        layout = "tms" if resource or side_of_word(_text(metadata, "scheme")) == "tms" else "xyz"
    return Look(
        root=root,
        zooms=zooms,
        from_south=layout == "tms",
        dataset=_dataset(root, (layout, files, columns)),
        first=first_tiles(root, zooms),
        metadata=metadata,
    )


def _dataset(root: Path, seen: object) -> str:
    digest = hashlib.sha256(repr((str(root), seen)).encode()).hexdigest()
    name = "".join(c for c in root.name if c.isprintable())[:80]
    return f"folder:{name}:{digest[:16]}"


def _columns(zoom: Path) -> tuple[int, list[tuple[str, int]]]:
    """Return a zoom's own time, and the name and time of each of its columns unless they are too many."""
    with os.scandir(zoom) as entries:
        found = [entry for entry in islice(entries, _MAX_COLUMNS + 1) if NUMBER.fullmatch(entry.name)]
    listed = [] if len(found) > _MAX_COLUMNS else sorted((entry.name, _time_ns(entry)) for entry in found)
    return zoom.stat().st_mtime_ns, listed


def _time_ns(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_mtime_ns
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return 0  # a link to nowhere, or in a circle
        raise


def _members(document: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}  # other programs have files of that name too


def _text(metadata: dict[str, msgspec.Raw], name: str) -> str:
    try:
        found = msgspec.json.decode(metadata[name], type=str | int | float)
    except (KeyError, msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    return str(found).strip()[:_MAX_METADATA_CHARACTERS]
