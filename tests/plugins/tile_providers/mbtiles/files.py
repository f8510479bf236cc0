"""MBTiles files for the tests of the provider ``mbtiles``."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from PIL import Image

from operator_tool.api import RunContext, TileId, TileResult, WantedTile
from operator_tool_plugins.tile_providers import mbtiles

METADATA = {
    "name": "Survey",
    "format": "png",
    "minzoom": "3",
    "maxzoom": "4",
    "bounds": "-10.5,40,0,50.25",
    "attribution": "© Somebody",
    "version": "1.2",
}


def picture(number: int, *, size: int = 256, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (size, size), (number % 256, 80, 90)).save(data, kind)
    return data.getvalue()


def make_file(
    path: Path,
    tiles: Mapping[tuple[int, int, int], object],
    metadata: dict[str, str] | None = METADATA,
    *,
    as_view: bool = False,
) -> Path:
    """Write an MBTiles file; ``tiles`` by zoom, column and *row from the south*, as the format has it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        if metadata is not None:
            connection.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
            connection.executemany("INSERT INTO metadata VALUES (?, ?)", metadata.items())
        if as_view:
            connection.executescript(
                "CREATE TABLE map (zoom_level INT, tile_column INT, tile_row INT, tile_id TEXT);"
                "CREATE TABLE images (tile_data BLOB, tile_id TEXT);"
                "CREATE VIEW tiles AS SELECT zoom_level, tile_column, tile_row, tile_data"
                " FROM map JOIN images ON images.tile_id = map.tile_id;"
            )
            for number, ((z, x, row), data) in enumerate(tiles.items()):
                connection.execute("INSERT INTO map VALUES (?, ?, ?, ?)", (z, x, row, str(number)))
                connection.execute("INSERT INTO images VALUES (?, ?)", (data, str(number)))
        else:
            connection.execute(
                "CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB)"
            )
            connection.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", [(*k, v) for k, v in tiles.items()])
            connection.execute("CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row)")
    return path


class Opener:
    """Makes providers and closes them."""

    def __init__(self) -> None:
        self.made: list[mbtiles.MbtilesProvider] = []

    def __call__(self, path: Path, **settings: Any) -> mbtiles.MbtilesProvider:
        given = mbtiles.MbtilesSettings(path=path, **settings)
        made = mbtiles.make_tile_provider(given, RunContext(run_id="r", state_dir=path.parent))
        self.made.append(made)
        return made


def fetch(provider: mbtiles.MbtilesProvider, *ids: TileId) -> list[TileResult]:
    """Return what a provider gives for some tiles."""
    return list(provider.fetch(WantedTile(tile) for tile in ids))
