"""Two stages: an overview mosaic of a map cache, and a table of its tiles' footprints."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator


def tiles(zooms: str = "") -> Iterator[tuple[int, int, int, bytes]]:
    """Yield zoom, column, row (from the north) and picture of each tile, in order; ``zooms`` narrows it down."""
    database = sqlite3.connect(f"file:{os.environ['C10_TILES']}?mode=ro&immutable=1", uri=True)
    query = "SELECT zoom_level, tile_column, (1 << zoom_level) - 1 - tile_row, tile_data FROM tiles"
    yield from database.execute(f"{query} {zooms} ORDER BY 1, 2, 3")


def lowest_zoom() -> list[tuple[int, int, int, bytes]]:
    """Return the tiles of the coarsest zoom."""
    return list(tiles("WHERE zoom_level = (SELECT min(zoom_level) FROM tiles)"))
