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
        self._two_sided: set[int] = set()
        self._mirrored: set[int] = set()
        self._asked: dict[int, int] = {}

    def found(self, tile: TileId) -> None:
        """Note that a tile is there, be it whole or broken."""
        self._found.add(tile.z)

    def has_found(self, z: int) -> bool:
        """Say whether any tile of this zoom was there."""
        return z in self._found

    def is_turned(self, tile: TileId, *, is_there: Callable[[], bool], has_half: Callable[[], bool]) -> bool:
        """Say whether a tile that is not there seems to be under the row that is counted from the other side.

        ``is_there`` looks for it; ``has_half`` says whether the collection has any tile of that zoom in this tile's
        half of the world: then it is no mirrored one but has a hole. Such a tile is no absent one, which would be
        remembered.
        """
        z = tile.z
        if self._is_set or z in self._found or z in self._two_sided or self._asked.get(z, 0) >= _MOST_ASKED:
            return False
        self._asked[z] = self._asked.get(z, 0) + 1
        if not is_there():
            return False
        if z not in self._mirrored and has_half():
            self._two_sided.add(z)
            return False
        self._mirrored.add(z)
        return True

    @property
    def reason(self) -> str:
        """Why a tile is not given that seems to be under another row."""
        return f"not under its row, but under the one that is counted from the other side: see {self._setting}"

    def judge(self) -> None:
        """Raise ``DownloadError`` where a zoom shows that its rows are counted from the other side."""
        for z in sorted(self._mirrored - self._found):
            side = "north" if self._other == "xyz" else "south"
            raise DownloadError(
                f"not one of the tiles that are needed at zoom {z} is in {self._named}, but the mirrored rows are:"
                f" its rows seem to be counted from the {side}",
                hint=f"Set {self._setting}={self._other}, if the imagery is of that place.",
                retryable=False,
            )
