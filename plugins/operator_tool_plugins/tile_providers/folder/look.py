"""A first look at a folder of tiles: a listing of each zoom and one tile, never a walk through all of it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec

from operator_tool.api import MAX_ZOOM, ConfigError

from .plain_file import MAX_TILE_BYTES, read_plain_file

Layout = Literal["auto", "xyz", "tms"]

_MAX_METADATA_BYTES = 1024 * 1024
_MAX_METADATA_CHARACTERS = 4_096
_MAX_COLUMNS = 10_000
"""Of a zoom with more columns only its own folder's time is looked at: at zoom 19 that is 500 km."""
_SAMPLE_ENTRIES = 64
_METADATA_FILES = ("tilemapresource.xml", "metadata.json")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_TILE_NAME = re.compile(r"(?:0|[1-9][0-9]{0,8})\.(jpe?g|png|webp|pbf|mvt)", re.IGNORECASE)
_OTHER_PROFILE = re.compile(rb"<TileSets[^>]{0,200}\bprofile=[\"'](geodetic|global-geodetic|raster)[\"']")


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a folder."""

    root: Path
    zooms: tuple[int, ...]
    """Ascending, never empty."""
    from_south: bool
    dataset: str
    sample_ending: str
    """That of a first tile; empty where none was found soon."""
    sample: bytes
    metadata: dict[str, msgspec.Raw]
    """The members of the folder's metadata.json."""

    def text(self, name: str) -> str:
        """Return what the metadata say, empty where they don't."""
        return _text(self.metadata, name)


def look_at(path: Path, layout: Layout) -> Look:
    """Look at the folder. Raises ``ConfigError`` when it can't be one of tiles in Web Mercator."""
    try:
        root = path.resolve(strict=True)
        numbers = sorted(int(entry.name) for entry in root.iterdir() if _NUMBER.fullmatch(entry.name))
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
    if other := _OTHER_PROFILE.search(resource):
        raise ConfigError(
            f"the tiles in {path} are of the profile {other[1].decode()}, and only Web Mercator is used",
            hint="Cut the imagery again with gdal2tiles --profile=mercator.",
        )
    metadata = _members(document)
    if layout == "auto":
        layout = "tms" if resource or _text(metadata, "scheme").lower() == "tms" else "xyz"
    ending, sample = next(_samples(root, zooms), ("", b""))
    return Look(
        root=root,
        zooms=zooms,
        from_south=layout == "tms",
        dataset=_dataset(root, (layout, files, columns)),
        sample_ending=ending,
        sample=sample,
        metadata=metadata,
    )


def _dataset(root: Path, seen: object) -> str:
    digest = hashlib.sha256(repr((str(root), seen)).encode()).hexdigest()
    name = "".join(c for c in root.name if c.isprintable())[:80]
    return f"folder:{name}:{digest[:16]}"


def _columns(zoom: Path) -> tuple[int, list[tuple[str, int]]]:
    """Return a zoom's own time, and the name and time of each of its columns unless they are too many."""
    with os.scandir(zoom) as entries:
        found = [entry for entry in islice(entries, _MAX_COLUMNS + 1) if _NUMBER.fullmatch(entry.name)]
    listed = [] if len(found) > _MAX_COLUMNS else sorted((entry.name, _time_ns(entry)) for entry in found)
    return zoom.stat().st_mtime_ns, listed


def _time_ns(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_mtime_ns
    except FileNotFoundError:
        return 0  # a link to nowhere


def _samples(root: Path, zooms: tuple[int, ...]) -> Iterator[tuple[str, bytes]]:
    """Yield endings and bytes of first tiles, found with a few short listings."""
    for z in zooms:
        for column in filter(_NUMBER.fullmatch, _some_names(root / str(z))):
            for name in _some_names(root / str(z) / column):
                if match := _TILE_NAME.fullmatch(name):
                    data = _readable(root / str(z) / column / name)
                    if data:
                        yield match[1], data


def _some_names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, _SAMPLE_ENTRIES)]
    except OSError:
        return []


def _readable(path: Path) -> bytes:
    try:
        return read_plain_file(path, max_bytes=MAX_TILE_BYTES)[0]
    except OSError:
        return b""


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
