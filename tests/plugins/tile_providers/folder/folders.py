"""Folders of tiles, and what the provider ``folder`` gives of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from operator_tool.api import RunContext, Tile, TileId, TileResult, WantedTile
from operator_tool_plugins.tile_providers import folder


def make_folder(path: Path, tiles: dict[str, bytes]) -> Path:
    """Write tiles by their names below the folder, such as ``3/1/0.jpg``; every folder gets the same old time."""
    for name, data in tiles.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    for made in (path, *filter(Path.is_dir, path.rglob("*"))):
        os.utime(made, ns=(10**18, 10**18))
    return path


def provider(path: Path, **settings: Any) -> folder.FolderProvider:
    """Return a provider of these settings."""
    context = RunContext(run_id="r", state_dir=path.parent)
    return folder.make_tile_provider(folder.FolderSettings(path=path, **settings), context)


def fetch(made: folder.FolderProvider, *ids: TileId) -> list[TileResult]:
    """Return all results for some tiles."""
    return list(made.fetch(WantedTile(tile) for tile in ids))


def pictures(results: list[TileResult]) -> list[bytes | None]:
    """Return the bytes of each result that is a tile, None for others."""
    return [result.data if isinstance(result, Tile) else None for result in results]
