"""What a database holds, by its own bytes: every picture hashed, every tile counted, the tables as they must be."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import struct
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from ..faults import AgentError
from ..generations.manifest import Manifest
from ..receiving.staging import SCHEMA_TEXTS
from .hashing import Hashing, open_immutable

_ROW = struct.Struct(">III32s")


class Measured(NamedTuple):
    """What a database holds, by its own bytes."""

    tiles: int
    bytes: int
    """Over all tiles, so a picture that two tiles share counts twice."""
    tiles_digest: str
    rotten: List[int]
    """The tile_ids of pictures whose bytes are not their hash's, the first of them where there are thousands."""
    metadata: Dict[str, str]
    schema: Tuple[str, ...]


def measure(path: str, tick: Callable[[int], None]) -> Measured:
    """Read the whole database and hash each picture. ``sqlite3.Error`` passes through: it is not a sound database."""
    hashing = Hashing(path, tick)
    try:
        connection = open_immutable(path)
        try:
            tiles, size, digest = _measure_rows(connection)
            metadata = dict(connection.execute("SELECT name, value FROM metadata"))
            schema = tuple(sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
        finally:
            connection.close()
    finally:
        rotten = hashing.rotten()
    return Measured(tiles, size, digest, rotten, metadata, schema)


def compare(measured: Measured, manifest: Manifest) -> Optional[str]:
    """Return how what was measured differs from the manifest, None when it doesn't."""
    if measured.rotten:
        return "%d pictures are not what their hashes say" % len(measured.rotten)
    for name in ("tiles", "bytes", "tiles_digest", "metadata"):
        found, wanted = getattr(measured, name), getattr(manifest, name)
        if found != wanted:
            return "%s is %s, the manifest says %s" % (name, found, wanted)
    if measured.schema != SCHEMA_TEXTS:
        return "the database's tables and views are not those of this agent"
    return None


def sample(path: str, pictures: int, look: Callable[[], None]) -> Optional[str]:
    """Hash so many pictures, picked at random; return what is wrong with them, None when nothing is."""
    connection = open_immutable(path)
    try:
        low, high = connection.execute("SELECT min(tile_id), max(tile_id) FROM images").fetchone()
        if low is None:
            return None
        for _ in range(pictures):
            look()
            tile_id, name, data = connection.execute(
                "SELECT tile_id, sha256, tile_data FROM images WHERE tile_id >= ? ORDER BY tile_id LIMIT 1",
                (random.randint(low, high),),  # noqa: S311 - nobody gains by foreseeing it
            ).fetchone()
            if hashlib.sha256(data).digest() != name:
                return "the picture %d is not what its hash says" % tile_id
    except sqlite3.Error as error:
        return "the database can't be read: %s" % error
    finally:
        connection.close()
    return None


def _measure_rows(connection: sqlite3.Connection) -> Tuple[int, int, str]:
    digest = hashlib.sha256()
    tiles = size = 0
    # Ascending by z, x, y in the XYZ scheme: TMS counts its rows from the south, so they descend.
    rows = connection.execute(
        "SELECT zoom_level, tile_column, tile_row, sha256, length(tile_data) FROM map LEFT JOIN images"
        " USING (tile_id) ORDER BY zoom_level, tile_column, tile_row DESC"
    )
    for zoom, column, row, name, length in rows:
        if name is None:
            raise AgentError("verify", "tile %d/%d/row %d has no picture" % (zoom, column, row))
        digest.update(_ROW.pack(zoom, column, (1 << zoom) - 1 - row, name))
        tiles += 1
        size += length
    return tiles, size, digest.hexdigest()
