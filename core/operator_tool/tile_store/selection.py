"""Which tiles of a store are asked for: windows of rows and columns at a zoom."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

import msgspec

from operator_tool.api import PictureFormat, TileId, UsageError
from operator_tool.geo.mercator import x_of, y_of

from .index_connection import IndexConnection
from .records import Place

Bounds = tuple[float, float, float, float]
"""West, south, east, north, in degrees; west is greater than east across 180°."""


class TileWindow(msgspec.Struct, frozen=True, order=True):
    """A rectangle of tiles, all its edges included."""

    z: int
    y0: int
    y1: int
    x0: int
    x1: int


class SelectedTile(msgspec.Struct, frozen=True, gc=False):
    """A tile of the store, and where its picture lies; None when the store doesn't know."""

    id: TileId
    sha256: bytes
    place: Place | None


class Selection(msgspec.Struct, frozen=True):
    """The tiles that are asked for, all of one format, and what they come to."""

    windows: Sequence[TileWindow]
    picture_format: PictureFormat
    tiles: int
    bytes: int


def select(
    index: IndexConnection,
    *,
    zooms: Collection[int] | None,
    bounds_deg: Bounds | None,
    picture_format: PictureFormat | None,
) -> Selection:
    """Return the selection of the stored tiles at these zooms that have ground in common with these bounds.

    None asks for all. Raises ``UsageError`` when there is no such tile, or when they are of several formats.
    """
    held = [z for (z,) in index.query("SELECT DISTINCT z FROM tiles ORDER BY z")]
    windows = [window for z in held if zooms is None or z in zooms for window in windows_of(z, bounds_deg)]
    found: dict[str, tuple[int, int]] = {}
    for window in windows:
        for name, tiles, size_bytes in index.query(
            "SELECT format, count(*), sum(length_bytes) FROM tiles"
            " WHERE z = ? AND y BETWEEN ? AND ? AND x BETWEEN ? AND ? GROUP BY format",
            msgspec.structs.astuple(window),
        ):
            so_far = found.get(name, (0, 0))
            found[name] = so_far[0] + tiles, so_far[1] + size_bytes
    if picture_format is not None:
        found = {name: count for name, count in found.items() if name == picture_format}
    if not found:
        raise UsageError(
            "the store holds no such tile",
            hint="operator-tool store info shows what it holds; ask for other zooms, another --bbox or --format.",
        )
    if len(found) > 1:
        counts = " and ".join(f"{tiles:,} are {name}" for name, (tiles, _) in sorted(found.items()))
        raise UsageError(
            f"an MBTiles file has pictures of one format; of these tiles {counts}",
            hint=f"Choose one, such as --format {min(found)}, and write a file for each.",
        )
    ((name, (tiles, size_bytes)),) = found.items()
    return Selection(windows, PictureFormat(name), tiles, size_bytes)


def tiles_of(index: IndexConnection, selection: Selection) -> Iterator[SelectedTile]:
    """Yield the tiles of a selection, window by window, in the order of row and column."""
    for window in selection.windows:
        for z, x, y, sha256, pack, offset, length_bytes in index.each(
            "SELECT z, x, y, tiles.sha256, name, offset, contents.length_bytes FROM tiles"
            " LEFT JOIN contents ON contents.sha256 = tiles.sha256 LEFT JOIN packs ON packs.id = pack"
            " WHERE z = ? AND y BETWEEN ? AND ? AND x BETWEEN ? AND ? AND format = ? ORDER BY z, y, x",
            (*msgspec.structs.astuple(window), str(selection.picture_format)),
        ):
            place = Place(pack, offset, length_bytes) if pack is not None else None
            yield SelectedTile(TileId(z, x, y), sha256, place)


def windows_of(z: int, bounds_deg: Bounds | None) -> list[TileWindow]:
    """Return the tiles at a zoom that have ground in common with these bounds: two windows across 180°, else one."""
    side = 1 << z
    if bounds_deg is None:
        return [TileWindow(z, 0, side - 1, 0, side - 1)]
    west, south, east, north = bounds_deg
    rows = _covered(y_of(north), y_of(south), side)
    spans = [(west, east)] if west < east else [(west, 180.0), (-180.0, east)]
    columns = [_covered(x_of(start), x_of(end), side) for start, end in spans if start < end]
    return [TileWindow(z, *rows, *span) for span in columns]


def _covered(start: float, end: float, side: int) -> tuple[int, int]:
    """Return the first and the last tile that have more than an edge in common with a part of the unit square."""
    return max(0, min(side - 1, math.floor(start * side))), max(0, min(side - 1, math.ceil(end * side) - 1))
