"""PMTiles archives, written by the format's own library, and what can be wrong with them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from pmtiles import tile, writer
from pmtiles.tile import Compression, TileType

from operator_tool.api import RunContext, TileId, TileResult, WantedTile
from operator_tool_plugins.tile_providers import pmtiles
from tests.support.pictures import real_jpeg

_WRITER: Any = writer.Writer
CONTEXT = RunContext(run_id="r", state_dir=Path("unused"), user_agent="operator-tool/test")
METADATA = {"name": "Survey", "attribution": "© Somebody", "version": "1.2", "description": "of a valley"}
SQUARE = tuple(TileId(10, 530 + x, 350 + y) for y in range(12) for x in range(12))
"""Tiles row by row, as they are wanted."""


def jpegs(tiles: tuple[TileId, ...] = SQUARE) -> dict[TileId, bytes]:
    """Return a picture for each tile."""
    return {one: real_jpeg(str(one)) for one in tiles}


def archive_of(
    tiles: Mapping[TileId, bytes],
    metadata: Mapping[str, object] = METADATA,
    *,
    leaf_size: int = 0,
    gzip_inside: bool = True,
    **header: Any,
) -> bytes:
    """Return an archive; with ``leaf_size`` its entries are in leaf directories of so many."""
    file = io.BytesIO()
    made = _WRITER(file)
    for number, data in sorted((tile.zxy_to_tileid(one.z, one.x, one.y), data) for one, data in tiles.items()):
        made.write_tile(number, data)
    stated = {"tile_type": TileType.JPEG, "tile_compression": Compression.NONE, **header}
    with ExitStack() as patched:
        if leaf_size:
            leaves = partial(writer.build_roots_leaves, leaf_size=leaf_size)
            patched.enter_context(
                mock.patch.object(writer, "optimize_directories", lambda entries, _most: leaves(entries))
            )
        if not gzip_inside:
            patched.enter_context(mock.patch.object(gzip, "compress", lambda data, **_settings: data))
        made.finalize(stated, dict(metadata))
    return file.getvalue() if gzip_inside else with_header(file.getvalue(), internal_compression=Compression.NONE)


def header_of(archive: bytes) -> dict[str, Any]:
    """Return an archive's header."""
    return dict(tile.deserialize_header(archive[:127]))


def with_header(archive: bytes, **changes: Any) -> bytes:
    """Return the archive with another header."""
    header: Any = {**header_of(archive), **changes}
    return bytes(tile.serialize_header(header)) + archive[127:]


def with_root(archive: bytes, root: bytes, **changes: Any) -> bytes:
    """Return the archive with another root directory, as its bytes are to lie in it."""
    return with_header(archive, root_offset=len(archive), root_length=len(root), **changes) + root


def with_leaves_last(archive: bytes) -> bytes:
    """Return the archive with its leaf directories at its end, which no first request for its start brings along."""
    header = header_of(archive)
    leaves = archive[header["leaf_directory_offset"] :][: header["leaf_directory_length"]]
    return with_header(archive, leaf_directory_offset=len(archive)) + leaves


def provider(path: Path | None = None, **settings: Any) -> pmtiles.PmtilesProvider:
    """Return a provider of these settings."""
    return pmtiles.make_tile_provider(pmtiles.PmtilesSettings(path=path, **settings), CONTEXT)


def wanted(*tiles: TileId, etag: str | None = None) -> Iterator[WantedTile]:
    """Yield wanted tiles."""
    return (WantedTile(one, etag) for one in tiles)


def fetch_file(path: Path, *tiles: TileId) -> list[TileResult]:
    """Return what an archive's file gives for some tiles."""
    made = provider(path)
    try:
        return list(made.fetch(wanted(*tiles)))
    finally:
        made.close()
