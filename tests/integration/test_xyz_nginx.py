"""The provider ``xyz`` against a real nginx."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import Absent, NotModified, RunContext, Tile, TileId, TileResult, WantedTile
from operator_tool_plugins.tile_providers import xyz
from tests.support.real_parts import RealNginx

pytestmark = pytest.mark.real_parts

COUNT = 300


@pytest.fixture
def pictures(nginx: RealNginx) -> dict[TileId, bytes]:
    """Tiles of the sizes that imagery has, as files that nginx serves."""
    source = random.Random(4)
    made: dict[TileId, bytes] = {}
    for number in range(COUNT):
        tile = TileId(15, 17_000 + number % 20, 11_000 + number // 20)
        made[tile] = b"\xff\xd8\xff" + source.randbytes(source.randint(8_000, 25_000))
        path = nginx.root / f"{tile}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made[tile])
    return made


def fetch(nginx: RealNginx, wanted: Iterator[WantedTile], **settings: Any) -> dict[TileId, TileResult]:
    chosen = xyz.XyzSettings(url=nginx.url + "/{z}/{x}/{y}.jpg", **settings)
    context = RunContext(run_id="r", state_dir=Path("unused"), user_agent="operator-tool/test")
    results = list(xyz.make_tile_provider(chosen, context).fetch(wanted))
    assert len(results) == len({result.id for result in results})
    return {result.id: result for result in results}


def test_every_file_comes_as_it_is_and_then_not_at_all(nginx: RealNginx, pictures: dict[TileId, bytes]) -> None:
    """Bytes and ETags first; with the ETags nothing is sent again, and a file that changed is."""
    first = fetch(nginx, (WantedTile(tile) for tile in pictures))
    tiles = [result for result in first.values() if isinstance(result, Tile)]
    assert {tile.id: tile.data for tile in tiles} == pictures
    assert all(tile.etag for tile in tiles)
    changed = tiles[0].id
    path = nginx.root / f"{changed}.jpg"
    path.write_bytes(pictures[changed] + b"more")
    os.utime(path, (1, 1))
    again = fetch(nginx, (WantedTile(tile.id, tile.etag) for tile in tiles))
    assert isinstance(again.pop(changed), Tile)
    assert all(isinstance(result, NotModified) for result in again.values())
    assert len(again) == COUNT - 1


def test_a_file_that_is_not_there_is_absent(nginx: RealNginx, pictures: dict[TileId, bytes]) -> None:
    """By nginx's 404."""
    missing = TileId(15, 1, 1)
    results = fetch(nginx, iter([WantedTile(missing), WantedTile(next(iter(pictures)))]))
    assert isinstance(results[missing], Absent)
    assert nginx.access_log.read_text().count(" 404 ") == 1
