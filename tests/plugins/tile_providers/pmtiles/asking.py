"""Asking a server for parts of an archive, one that is scripted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from operator_tool.api import Tile, TileId, TileResult
from tests.plugins.tile_providers.pmtiles.archives import provider, wanted
from tests.support.tile_server import Answer, Asked, TileServer

KEY = "canary-key-7f3a/&="
SPREAD = tuple(TileId(12, 2000 + x, 1400 + y) for y in range(40) for x in range(40))
"""More tiles than one leaf has, so that leaves are asked for while tiles are on their way."""
Change = Callable[[Asked, Answer], Answer]


def ranges(
    archive: bytes, *, change: Change = lambda _asked, answer: answer, headers: dict[str, str] | None = None
) -> Any:
    """Return the script of a server that serves parts of an archive; ``change`` makes another answer of each."""
    more = headers or {}

    def script(asked: Asked) -> Answer:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers["range"])
        assert match is not None
        first, last = int(match[1]), min(int(match[2]), len(archive) - 1)
        said = {"ETag": '"1"', "Content-Range": f"bytes {first}-{last}/{len(archive)}", **more}
        return change(asked, Answer(status=206, body=archive[first : last + 1], headers=said))

    return script


def url_of(server: TileServer) -> str:
    """Return the archive's address."""
    return f"{server.url}/a.pmtiles"


def fetch(server: TileServer, *tiles: TileId, **settings: Any) -> list[TileResult]:
    """Return all results for some tiles."""
    return list(provider(url=url_of(server), **settings).fetch(wanted(*tiles)))


def by_tile(results: list[TileResult]) -> dict[TileId, bytes]:
    """Return the bytes of the results that are tiles."""
    return {result.id: result.data for result in results if isinstance(result, Tile)}
