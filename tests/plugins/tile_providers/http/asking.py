"""Asking a scripted server through ``xyz``, the thinnest of the providers over the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from operator_tool.api import RunContext, TileId, TileResult, WantedTile
from operator_tool_plugins.tile_providers import xyz
from tests.support.tile_server import Answer, TileServer

KEY = "canary-key-7f3a/&="
CONTEXT = RunContext(run_id="r", state_dir=Path("unused"), user_agent="operator-tool/test")


def provider(url: str, *, context: RunContext = CONTEXT, **settings: Any) -> xyz.XyzProvider:
    """Return a provider of these settings."""
    return xyz.make_tile_provider(xyz.XyzSettings(url=url, **settings), context)


def wanted(*numbers: int, etag: str | None = None) -> Iterator[WantedTile]:
    """Yield tiles of one row."""
    return iter([WantedTile(TileId(10, number, 7), etag) for number in numbers])


def fetch(url: str, tiles: Iterable[WantedTile] | None = None, **settings: Any) -> list[TileResult]:
    """Return all results for some tiles, for one when none is named."""
    return list(provider(url, **settings).fetch(iter(tiles) if tiles is not None else wanted(1)))


def fetch_one(server: TileServer, answer: Answer, *, etag: str | None = None, **settings: Any) -> TileResult:
    """Return the result for one tile that the server always answers so."""
    server.script = lambda _asked: answer
    (result,) = fetch(server.template, wanted(1, etag=etag), **settings)
    return result
