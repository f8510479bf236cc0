"""What the parts of a tile store tell each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from operator_tool.api import TileId, TileRecord


class StoredTile(msgspec.Struct, frozen=True):
    """A tile that the store holds, and what is known of how it came."""

    record: TileRecord
    etag: str | None
    fetched_at: datetime
    """When the provider last gave or confirmed it, UTC."""
    imagery_date: str | None


class Place(msgspec.Struct, frozen=True):
    """Where a content lies."""

    pack: str
    offset: int
    length_bytes: int


class Damage(msgspec.Struct, frozen=True):
    """What was found damaged, and what the store forgot of it."""

    contents: int
    tiles: int
    """How many tiles showed the damaged contents."""
    first_tiles: Sequence[TileId] = ()
    """Some of them."""


class Batch(msgspec.Struct):
    """What was put since the last commit. A tile is in one of the three at most: the provider's last word counts."""

    contents: dict[bytes, Place] = {}
    """The contents that are new, by SHA-256; their bytes are in the pack, or on their way."""
    tiles: dict[TileId, StoredTile] = {}
    absent: dict[TileId, datetime] = {}
    confirmed: dict[TileId, datetime] = {}

    def drop(self, tile_id: TileId) -> bool:
        """Take back what the batch says of a tile; False when it says nothing."""
        before = len(self.tiles) + len(self.absent) + len(self.confirmed)
        self.tiles.pop(tile_id, None)
        self.absent.pop(tile_id, None)
        self.confirmed.pop(tile_id, None)
        return len(self.tiles) + len(self.absent) + len(self.confirmed) < before

    def leave_unused_contents(self) -> None:
        """Take back the contents that no tile of the batch shows any longer: their bytes stay unreferred to."""
        used = {tile.record.sha256 for tile in self.tiles.values()}
        self.contents = {sha256: place for sha256, place in self.contents.items() if sha256 in used}

    def __bool__(self) -> bool:
        return bool(self.tiles or self.absent or self.confirmed)
