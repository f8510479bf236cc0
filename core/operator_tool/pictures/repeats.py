"""The same bytes on many distant tiles: a placeholder, whatever it shows."""

from __future__ import annotations

from array import array

from operator_tool.api import TileId

MANY = 6
"""On how many tiles the same bytes must have been seen."""
FAR_TILES = 4
"""How far apart in x or y, at one zoom, the farthest of them must be. Neighbours may be alike: a calm lake, a roof."""
WATCHED = 4096
"""How many pictures that repeat are watched at a time; the one that has repeated longest ago is let go for a new one.
A placeholder repeats often."""

_MIN_SLOTS = 1024
_COORDINATE_BITS = 24
_COORDINATE = (1 << _COORDINATE_BITS) - 1


class Repeats:
    """Finds the same bytes on many distant tiles, in a stream of millions, at 25 to 35 bytes a tile.

    Of a picture that was seen on one tile only, the first 64 bits of its hash and that tile are kept, in arrays; which
    array element a hash has is looked up in an open-addressed table. Two pictures among a million have the same 64 bits
    once in 37 million such downloads; it would make one tile more be fetched again. Not for several threads.
    """

    def __init__(self) -> None:
        self._keys = array("Q")
        self._first_tiles = array("Q")
        # Each slot has the number of a key, counted from 1, or 0. At most half of them are taken: probes stay short.
        self._slots = array("I", bytes(4 * _MIN_SLOTS))
        self._watched: dict[bytes, list[int]] = {}
        self._placeholders: set[bytes] = set()

    def __len__(self) -> int:
        """Return how many different pictures were noted."""
        return len(self._keys)

    def known(self, sha256: bytes) -> bool:
        """Say whether a picture was found to be a placeholder."""
        return sha256 in self._placeholders

    def note(self, tile_id: TileId, sha256: bytes) -> tuple[TileId, ...]:
        """Take down that a tile has this picture; return the tiles that are now known to have a placeholder.

        That is none for most; all tiles with this picture at the moment when it is found out; from then on this tile.
        """
        if sha256 in self._placeholders:
            return (tile_id,)
        tile = _pack(tile_id)
        first = self._first_tile(int.from_bytes(sha256[:8], "little"), tile)
        if first == tile:
            return ()
        tiles = self._watched.pop(sha256, None) or [first]
        if tile not in tiles:
            tiles.append(tile)
        if len(tiles) >= MANY and _are_distant(tiles):
            self._placeholders.add(sha256)
            return tuple(map(_unpack, tiles))
        # No list grows beyond the 16 tiles of a block, as any other tile is distant from one of them.
        self._watched[sha256] = tiles
        if len(self._watched) > WATCHED:
            del self._watched[next(iter(self._watched))]
        return ()

    def _first_tile(self, key: int, tile: int) -> int:
        """Return the tile that this key was first noted for, which is this one when the key is new."""
        slots = self._slots
        mask = len(slots) - 1
        slot = key & mask
        keys = self._keys
        while number := slots[slot]:
            if keys[number - 1] == key:
                return self._first_tiles[number - 1]
            slot = (slot + 1) & mask
        keys.append(key)
        self._first_tiles.append(tile)
        slots[slot] = len(keys)
        if 2 * len(keys) > mask:
            self._double()
        return tile

    def _double(self) -> None:
        mask = 2 * len(self._slots) - 1
        self._slots = slots = array("I", bytes(4 * (mask + 1)))
        for number, key in enumerate(self._keys, 1):
            slot = key & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = number


def _are_distant(tiles: list[int]) -> bool:
    ids = [_unpack(tile) for tile in tiles]
    if len({tile.z for tile in ids}) > 1:
        return True
    return any(max(along) - min(along) >= FAR_TILES for along in ([t.x for t in ids], [t.y for t in ids]))


def _pack(tile_id: TileId) -> int:
    return (tile_id.z << _COORDINATE_BITS | tile_id.x) << _COORDINATE_BITS | tile_id.y


def _unpack(tile: int) -> TileId:
    return TileId(tile >> 2 * _COORDINATE_BITS, tile >> _COORDINATE_BITS & _COORDINATE, tile & _COORDINATE)
