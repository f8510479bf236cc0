"""First tiles of a folder, found with a few short listings; and what its files are called if not as tiles are."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path

import msgspec

from operator_tool.api import TileId, sniff_picture_format

from .._sample_tile import kind_of_name
from .._tile_places import ZoomPlaces
from .plain_file import MAX_TILE_BYTES, read_plain_file

NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_TILE_NAME = re.compile(r"(0|[1-9][0-9]{0,8})\.(jpe?g|png|webp)", re.IGNORECASE)
_MOST_ENTRIES = 64
_MOST_COLUMNS = 8
"""Of a zoom without a tile so many columns are looked into before it is said to have none."""
_MOST_NAMES = 10_000
_LOW_ZOOM = 4
_BESIDE_TILES = (".kml", ".xml", ".txt", ".html", ".json", ".pgw", ".jgw", ".wld", ".db", ".ini")
"""What programs leave beside tiles."""


class FirstTiles(msgspec.Struct, frozen=True, kw_only=True):
    """What a first look at the files of each zoom shows."""

    tiles: tuple[tuple[TileId, str, bytes], ...]
    """A tile of each zoom that has one that can be read: its name as the folder has it, its ending, its bytes."""
    has_names: bool
    """Whether any file is named as a tile is, be it one that can be read or not."""
    other_name: str
    """The first that is not, ``z/x/name``; empty where there is none."""
    kind: str | None
    """What the files are by that ending, where it is one of what can't be used."""


def first_tiles(root: Path, zooms: tuple[int, ...]) -> FirstTiles:
    """Look for a tile of each zoom."""
    tiles: list[tuple[TileId, str, bytes]] = []
    has_names, other = False, ""
    for z in zooms:
        columns = sorted(filter(NUMBER.fullmatch, some_names(root / str(z))), key=int)
        for column in columns[:_MOST_COLUMNS]:
            names = some_names(root / str(z) / column)
            matches = [match for name in names if (match := _TILE_NAME.fullmatch(name))]
            has_names |= bool(matches)
            found = _readable(root / str(z) / column, z, int(column), matches)
            if found is not None:
                tiles.append(found)
                break
            for name in sorted(names):
                if not other and not _TILE_NAME.fullmatch(name) and not name.startswith("."):
                    beside = name.casefold().endswith(_BESIDE_TILES)
                    other = "" if beside and has_names else f"{z}/{column}/{name}"
    return FirstTiles(
        tiles=tuple(tiles), has_names=has_names, other_name=other, kind=kind_of_name(other) if other else None
    )


def low_places(root: Path, zooms: tuple[int, ...]) -> tuple[ZoomPlaces, ...]:
    """Return where the tiles of the zooms lie that are told by a few listings: the low ones, and those in a corner."""
    places = []
    for z in zooms:
        columns = sorted(int(name) for name in some_names(root / str(z), _MOST_NAMES) if NUMBER.fullmatch(name))
        if not columns or (z > _LOW_ZOOM and (columns[0] > 0 or len(columns) >= _MOST_NAMES)):
            continue
        asked = columns if z <= _LOW_ZOOM else (columns[0], columns[-1])
        rows = [
            int(match[1])
            for column in asked[: 1 << _LOW_ZOOM]
            for name in some_names(root / str(z) / str(column), _MOST_NAMES)
            if (match := _TILE_NAME.fullmatch(name))
        ]
        if rows:
            places.append(ZoomPlaces(z, columns[0], columns[-1], min(rows), max(rows)))
    return tuple(places)


def some_names(folder: Path, most: int = _MOST_ENTRIES) -> list[str]:
    """Return the first names in a folder; none where it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, most)]
    except OSError:
        return []


def name_like(zoom: Path, tile: TileId, row: int) -> str:
    """Return the name under which a tile seems to lie that isn't there under its own; empty where there is none.

    With leading zeros, another ending or none, ``@2x``, or with column and row in the other order.
    """
    like = re.compile(rf"0*{row}(?!\d).*", re.DOTALL)
    for column in (str(tile.x), *(name for name in some_names(zoom, _MOST_NAMES) if _is_padded(name, tile.x))):
        for name in sorted(some_names(zoom / column, _MOST_NAMES)):
            if like.fullmatch(name) and not name.casefold().endswith(_BESIDE_TILES):
                return f"{column}/{name}"
    swapped = re.compile(rf"{tile.x}\.(?:jpe?g|png|webp)", re.IGNORECASE)
    if tile.x != tile.y:
        for name in some_names(zoom / str(tile.y), _MOST_NAMES):
            if swapped.fullmatch(name):
                return f"{tile.y}/{name}"
    return ""


def _is_padded(name: str, number: int) -> bool:
    return re.fullmatch(rf"0+{number}", name) is not None


def _readable(folder: Path, z: int, column: int, matches: list[re.Match[str]]) -> tuple[TileId, str, bytes] | None:
    """Return a first tile of a column, a picture if one of the first few is."""
    found = None
    for match in matches[:3]:
        try:
            data = read_plain_file(folder / match[0], max_bytes=MAX_TILE_BYTES)[0]
        except OSError:
            continue
        if data and (found is None or sniff_picture_format(data) is not None):
            found = TileId(z, column, int(match[1])), match[2], data
            if sniff_picture_format(data) is not None:
                break
    return found
