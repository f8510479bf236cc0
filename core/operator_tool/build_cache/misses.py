"""The tiles that one provider did not give, and why: millions of them in a few bytes each."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from operator_tool.api.build import GapCause
from operator_tool.api.tiles import Absent, Corrupt, Placeholder, Refused, TileId, Unreachable
from operator_tool.geo.coverage import TileRange

CAUSES: Mapping[type, GapCause] = {
    Absent: GapCause.ABSENT,
    Refused: GapCause.REFUSED,
    Unreachable: GapCause.UNREACHABLE,
    Corrupt: GapCause.CORRUPT,
    Placeholder: GapCause.PLACEHOLDER,
}
"""What a provider's answer means that brings no picture."""
KEPT = 1000
"""Of so many, the reason is kept."""


class Miss(msgspec.Struct, frozen=True):
    """Why one tile is missing, by the provider that was asked."""

    id: TileId
    cause: GapCause
    reason: str


class Misses:
    """What one provider did not give. Each tile once."""

    def __init__(self) -> None:
        self.packed = array("Q")
        """Every one of them, by :func:`pack`."""
        self.by_cause: Counter[GapCause] = Counter()
        self.first: dict[TileId, Miss] = {}
        """Why, for the first of them."""

    def __len__(self) -> int:
        return len(self.packed)

    def ids_among(self, ids: Iterable[TileId]) -> frozenset[TileId]:
        """Return those of some tiles that are missing."""
        named = {pack(tile_id): tile_id for tile_id in ids}
        return frozenset(named[packed] for packed in self.packed if packed in named)

    def add(self, tile_id: TileId, cause: GapCause, reason: str) -> None:
        """Add one tile."""
        self.packed.append(pack(tile_id))
        self.by_cause[cause] += 1
        if len(self.first) < KEPT:
            self.first[tile_id] = Miss(tile_id, cause, reason)

    def add_range(self, tiles: TileRange, cause: GapCause, reason: str) -> None:
        """Add neighbouring tiles."""
        for x in range(tiles.x0, tiles.x1 + 1):
            self.add(TileId(tiles.z, x, tiles.y), cause, reason)


def pack(tile_id: TileId) -> int:
    """Return a tile's name as one integer that sorts by zoom, row, column."""
    return tile_id.z << 58 | tile_id.y << 29 | tile_id.x


def unpack(packed: int) -> TileId:
    """Return the tile's name that :func:`pack` made into one integer."""
    return TileId(packed >> 58, packed & 0x1FFFFFFF, packed >> 29 & 0x1FFFFFFF)


def ranges_of(packed: Iterable[int]) -> Iterator[TileRange]:
    """Yield the ranges that hold just these tiles."""
    first = last = -1
    for one in sorted(packed):
        if one == last:
            continue
        if one != last + 1 and last >= 0:
            yield _range(first, last)
        if one != last + 1 or last < 0:
            first = one
        last = one
    if last >= 0:
        yield _range(first, last)


def _range(first: int, last: int) -> TileRange:
    tile_id = unpack(first)
    return TileRange(tile_id.z, tile_id.y, tile_id.x, unpack(last).x)
