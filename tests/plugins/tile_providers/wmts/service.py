"""What the tests of the provider ``wmts`` have in common: a service that is scripted, and a provider for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from operator_tool.api import RunContext, TileId, TileResult, WantedTile
from operator_tool_plugins.tile_providers import wmts
from operator_tool_plugins.tile_providers.wmts.settings import WmtsSettings
from tests.support.tile_server import Answer, Asked, TileServer

KEY = "canary-key-7f3a/&="
ANY = TileId(10, 545, 360)


def provider(url: str, **settings: Any) -> wmts.WmtsProvider:
    """Return a provider; nothing is asked yet."""
    context = RunContext(run_id="r", state_dir=Path("unused"), user_agent="operator-tool/test")
    return wmts.make_tile_provider(WmtsSettings(url=url, **settings), context)


def announce(server: TileServer, capabilities: bytes, tile: Callable[[Asked], Answer] = lambda _: Answer()) -> str:
    """Have the server answer with the capabilities where it is asked for them, and else with tiles; return its URL."""

    def script(asked: Asked) -> Answer:
        if "getcapabilities" in asked.path.lower() or ".xml" in asked.path:
            return Answer(body=capabilities, headers={"Content-Type": "application/xml"})
        return tile(asked)

    server.script = script
    return f"{server.url}/wmts"


def fetch(url: str, tiles: Iterable[TileId] = (ANY,), **settings: Any) -> list[TileResult]:
    """Return what a new provider says of some tiles."""
    return list(provider(url, **settings).fetch(WantedTile(tile) for tile in tiles))


def asked_tiles(server: TileServer) -> list[str]:
    """Return the paths that were asked for after the capabilities."""
    return [asked.path for asked in server.asked[1:]]
