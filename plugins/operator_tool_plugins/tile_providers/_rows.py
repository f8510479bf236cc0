"""From which side a local collection counts its rows: what it says, and what shows that it is the other way round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from operator_tool.api import DownloadError, TileId

RowsSetting = Literal["auto", "xyz", "tms"]
ROWS_DESCRIPTION = (
    "Whether rows count from the north (xyz) or from the south (tms); auto: from the south, as MBTiles has it, and a"
    " file that says otherwise, or whose tiles show it, is refused."
)
_MOST_ASKED = 10_000
"""So many tiles of a zoom are looked for on the other side, none having been found on this one."""


def side_of_word(word: str) -> Literal["xyz", "tms", ""]:
    """Return what a scheme's name says: from the north, from the south, nothing."""
    name = "".join(c for c in word.casefold() if c.isalnum())
    if name in ("xyz", "zxy", "osm", "google", "googlemaps", "slippy", "slippymap", "wmts", "topleft", "north", "nw"):
        return "xyz"
    return "tms" if name in ("tms", "bottomleft", "south", "sw", "mbtiles") else ""


class RowsWatch:
    """Notes, while tiles are fetched, the zooms of which not one is there and whose mirrored rows are."""

    def __init__(self, named: str, setting: str, *, from_south: bool, is_set: bool) -> None:
        self._named = named
        self._setting = setting
        self._other = "xyz" if from_south else "tms"
        self._is_set = is_set
        self._found: set[int] = set()
        self._mirrored: dict[int, TileId] = {}
        self._asked: dict[int, int] = {}

    def found(self, tile: TileId) -> None:
        """Note that a tile is there, be it whole or broken."""
        self._found.add(tile.z)

    def has_found(self, z: int) -> bool:
        """Say whether any tile of this zoom was there."""
        return z in self._found

    def wants_other(self, z: int) -> bool:
        """Say whether the other side is to be looked at for a tile of this zoom that is not there."""
        return not (self._is_set or z in self._found or z in self._mirrored or self._asked.get(z, 0) >= _MOST_ASKED)

    def missed(self, tile: TileId, *, other_is_there: bool) -> None:
        """Note what the other side has for a tile that is not there."""
        self._asked[tile.z] = self._asked.get(tile.z, 0) + 1
        if other_is_there:
            self._mirrored[tile.z] = tile

    def judge(self, has_half: Callable[[TileId], bool]) -> None:
        """Raise ``DownloadError`` where a zoom shows that its rows are counted from the other side.

        ``has_half`` says whether the collection has any tile of that zoom in a tile's half of the world: then it is no
        mirrored one but has a hole.
        """
        for z, tile in sorted(self._mirrored.items()):
            if z not in self._found and not has_half(tile):
                side = "north" if self._other == "xyz" else "south"
                raise DownloadError(
                    f"not one of the tiles that are needed at zoom {z} is in {self._named}, but the mirrored rows are:"
                    f" its rows seem to be counted from the {side}",
                    hint=f"Set {self._setting}={self._other}, if the imagery is of that place.",
                    retryable=False,
                )
