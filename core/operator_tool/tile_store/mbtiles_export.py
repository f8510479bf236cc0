"""A store's tiles as one MBTiles 1.3 file, which any GIS tool opens.

The format: https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from operator_tool.api import ConfigError, DownloadError, PictureFormat, TileId, UsageError, replaced_path
from operator_tool.geo.mercator import tile_bounds_deg

from .disk import check_room
from .folder import INDEX_NAME, PACKS_NAME, FolderLock
from .index_connection import IndexConnection
from .packs import PackReader
from .selection import Bounds, SelectedTile, select, tiles_of

_APPLICATION_ID = 0x4D50_4258
"""MBTiles 1.3: "MPBX", by which ``file`` knows one."""
_TABLES = """
CREATE TABLE metadata (name TEXT, value TEXT);
CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB);
"""
_INDEXES = """
CREATE UNIQUE INDEX metadata_index ON metadata (name);
CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row);
"""


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds."""

    path: str
    tiles: int
    bytes: int
    format: PictureFormat
    min_zoom: int
    max_zoom: int
    bounds_deg: Bounds


def export_mbtiles(
    folder: Path,
    out: Path,
    *,
    zooms: Collection[int] | None = None,
    bounds_deg: Bounds | None = None,
    picture_format: PictureFormat | None = None,
    attribution: str | None = None,
    overwrite: bool = False,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> Exported:
    """Write the tiles at these zooms and within these bounds to a new file: whole, verified and durable, or not at all.

    ``tell`` is told how many of how many tiles are written. Raises ``UsageError`` when there is no such tile, when they
    have several formats of which none is chosen, or when the file is there; ``DownloadError`` for a damaged picture or
    a disk without room; ``ConfigError`` when the file can't be written.
    """
    _check_target(out, overwrite=overwrite)
    with ExitStack() as stack:
        lock = FolderLock.share(folder)
        if lock is not None:
            stack.callback(lock.release)
        index = stack.enter_context(closing(IndexConnection.open_there(folder / INDEX_NAME)))
        index.only_read()
        stack.enter_context(index.snapshot())
        packs = stack.enter_context(closing(PackReader(folder / PACKS_NAME)))
        selection = select(index, zooms=zooms, bounds_deg=bounds_deg, picture_format=picture_format)
        check_room(out.parent, selection.bytes)
        meta = index.meta() | ({"attribution": attribution} if attribution is not None else {})
        pictures = ((tile.id, _picture(packs, tile)) for tile in tiles_of(index, selection))
        try:
            with replaced_path(out) as new:
                extent = _write(
                    new, _counted(pictures, selection.tiles, tell), selection.picture_format, meta, out.stem
                )
                _check_target(out, overwrite=overwrite)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"{out} can't be written: {getattr(error, 'strerror', None) or error}",
                hint="Choose another file, or make room for this one.",
            ) from error
    return Exported(
        path=str(out),
        tiles=selection.tiles,
        bytes=selection.bytes,
        format=selection.picture_format,
        min_zoom=extent.min_zoom,
        max_zoom=extent.max_zoom,
        bounds_deg=extent.bounds_deg,
    )


def _check_target(out: Path, *, overwrite: bool) -> None:
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", hint="Make it, or choose another file.")
    if out.is_dir():
        raise UsageError(f"{out} is a folder", hint="Name a file in it.")
    if os.path.lexists(out) and not overwrite:
        raise UsageError(f"{out} is there already", hint="Choose another file, or overwrite this one with --force.")


def _picture(packs: PackReader, tile: SelectedTile) -> bytes:
    data = packs.verified(tile.sha256, tile.place) if tile.place is not None else None
    if data is None:
        raise DownloadError(
            f"tile {tile.id} of the store is damaged, so that nothing was exported",
            hint="operator-tool store verify forgets what is damaged, so that the next download fetches it again.",
        )
    return data


def _counted(
    pictures: Iterator[tuple[TileId, bytes]], count: int, tell: Callable[[int, int], None]
) -> Iterator[tuple[TileId, bytes]]:
    for done, one in enumerate(pictures, 1):
        yield one
        tell(done, count)


def _write(
    new: Path,
    pictures: Iterator[tuple[TileId, bytes]],
    picture_format: PictureFormat,
    meta: dict[str, str],
    name: str,
) -> _Extent:
    """Write the file; it is on the disk when this returns."""
    extent = _Extent()
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        # Nobody sees the file before it is whole, so that it needs neither a journal nor a sync on the way.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.executescript(_TABLES)
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", map(extent.noted_row, pictures))
        rows = _metadata(extent, picture_format, meta, name)
        connection.executemany("INSERT INTO metadata VALUES (?, ?)", rows.items())
        connection.execute("COMMIT")
        connection.executescript(_INDEXES)
    with new.open("rb") as file:
        os.fsync(file.fileno())
    return extent


def _metadata(extent: _Extent, picture_format: PictureFormat, meta: dict[str, str], name: str) -> dict[str, str]:
    west, south, east, north = extent.bounds_deg
    rows = {
        "name": name,
        "format": str(picture_format),
        "bounds": ",".join(f"{edge:.7f}" for edge in extent.bounds_deg),
        "center": f"{(west + east) / 2:.7f},{(south + north) / 2:.7f},{extent.min_zoom}",
        "minzoom": str(extent.min_zoom),
        "maxzoom": str(extent.max_zoom),
        "type": "baselayer",
        "description": f"{meta['provider']}: {meta['dataset']}",
    }
    attribution = meta.get("attribution", "")
    return rows | ({"attribution": attribution} if attribution else {})


class _Extent:
    """The ground and the zooms of the tiles that were written."""

    def __init__(self) -> None:
        self.bounds_deg = (180.0, 90.0, -180.0, -90.0)
        self.min_zoom = 99
        self.max_zoom = 0

    def noted_row(self, one: tuple[TileId, bytes]) -> tuple[int, int, int, bytes]:
        """Note a tile, and return its row: MBTiles counts rows from the south."""
        tile_id, data = one
        west, south, east, north = tile_bounds_deg(tile_id)
        so_far = self.bounds_deg
        self.bounds_deg = min(west, so_far[0]), min(south, so_far[1]), max(east, so_far[2]), max(north, so_far[3])
        self.min_zoom = min(self.min_zoom, tile_id.z)
        self.max_zoom = max(self.max_zoom, tile_id.z)
        return tile_id.z, tile_id.x, (1 << tile_id.z) - 1 - tile_id.y, data
