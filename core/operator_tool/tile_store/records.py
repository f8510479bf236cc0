"""What the parts of a tile store tell each other."""

from __future__ import annotations

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


class Batch(msgspec.Struct):
    """What was put since the last commit. A tile is in one of the three at most: the provider's last word counts."""

    contents: dict[bytes, Place] = {}
    """The contents that are new, by SHA-256; their bytes are in the pack, or on their way."""
    tiles: dict[TileId, StoredTile] = {}
    absent: dict[TileId, datetime] = {}
    confirmed: dict[TileId, datetime] = {}

    def drop(self, tile_id: TileId) -> None:
        """Take back what the batch says of a tile."""
        for said in (self.tiles, self.absent, self.confirmed):
            said.pop(tile_id, None)

    def __bool__(self) -> bool:
        return bool(self.tiles or self.absent or self.confirmed)
