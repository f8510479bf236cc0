"""Every byte of a generation, read back and hashed: what a no-op, a build and ``verify`` rely on."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import struct
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from .call import Call
from .faults import AgentError
from .hashing import Hashing, open_immutable
from .layout import DATABASE, Generation, Layout, is_plain_file
from .manifest import Manifest, belongs, read_manifest
from .trust import look, note_verified

_ROW = struct.Struct(">III32s")


class Measured(NamedTuple):
    """What a database holds, by its own bytes."""

    tiles: int
    bytes: int
    """Over all tiles, so a picture that two tiles share counts twice."""
    tiles_digest: str
    rotten: List[int]
    """The tile_ids of pictures whose bytes are not their hash's, the first of them where there are thousands."""


def run(call: Call) -> Dict[str, object]:
    """Verify the current generation wholly; a generation that is not what its manifest says is a ``verify`` error."""
    layout = Layout(call.request.text("root"))
    generation = layout.current()
    if generation is None:
        raise AgentError("no_cache", "there is no current generation under %s" % layout.root)
    manifest = read_manifest(generation.path)
    seen = look(generation.path)
    problem = find_problem(generation, manifest, progress(call, manifest.tiles))
    if problem is None:
        note_verified(layout, generation.name, seen)
    else:
        raise AgentError("verify", "%s: %s" % (generation.name, problem))
    return {"generation": generation.name, **manifest._asdict()}


def progress(call: Call, total: int) -> Callable[[int], None]:
    """Return what tells the workstation of each step."""
    return lambda done: call.outlet.event("progress", done=done, total=total)


def find_problem(generation: Generation, manifest: Manifest, tick: Callable[[int], None]) -> Optional[str]:
    """Return what is wrong with a generation's bytes against its manifest, None when nothing is."""
    problem = belongs(generation, manifest)
    if problem:
        return problem
    path = os.path.join(generation.path, DATABASE)
    if not is_plain_file(path):
        return "there is no %s" % DATABASE
    try:
        measured = measure(path, tick)
    except sqlite3.Error as error:
        return "the database can't be read: %s" % error
    return compare(measured, manifest)


def compare(measured: Measured, manifest: Manifest) -> Optional[str]:
    """Return how what was measured differs from the manifest, None when it doesn't."""
    if measured.rotten:
        return "%d pictures are not what their hashes say" % len(measured.rotten)
    for name in ("tiles", "bytes", "tiles_digest"):
        found, wanted = getattr(measured, name), getattr(manifest, name)
        if found != wanted:
            return "%s is %s, the manifest says %s" % (name, found, wanted)
    return None


def measure(path: str, tick: Callable[[int], None]) -> Measured:
    """Read the whole database and hash each picture. ``sqlite3.Error`` passes through: it is not a sound database."""
    hashing = Hashing(path, tick)
    try:
        connection = open_immutable(path)
        try:
            tiles, size, digest = _measure_rows(connection)
        finally:
            connection.close()
    finally:
        rotten = hashing.rotten()
    return Measured(tiles, size, digest, rotten)


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
