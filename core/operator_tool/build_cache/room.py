"""How much a download will add to the store, before it begins: so that a disk that is too small is told at once."""

from __future__ import annotations

from collections.abc import Iterable

from operator_tool.api.tiles import ProviderInfo
from operator_tool.geo.coverage import TileRange
from operator_tool.tile_store import TileStore

from .reach import Reach

_BYTES_PER_PIXEL = 22_000 / (256 * 256)
"""Aerial imagery as JPEG of quality 85 takes 22 to 32 kB a tile of 256 pixels."""


def bytes_to_come(store: TileStore, info: ProviderInfo, reach: Reach, ranges: Iterable[TileRange]) -> int:
    """Return about how many bytes of pictures are missing from a store."""
    missing = sum(
        tiles.count - store.held_counts(tiles.z, tiles.y, tiles.x0, tiles.x1)
        for tiles in ranges
        if reach.problem(tiles) is None
    )
    mean_bytes = store.mean_bytes() or _BYTES_PER_PIXEL * info.tile_size_px**2
    return int(missing * mean_bytes)
