"""The ground that is downloaded: a block of tiles at two zooms, the flight that needs just it, and its pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from operator_tool.api import TileId
from operator_tool.geo.mercator import tile_bounds_deg

BOX_M = 1.0
"""How much around the flight's box is asked for: so little that a tile's edge is not reached."""
_INSET = 0.01


class Ground(msgspec.Struct, frozen=True):
    """``columns`` x ``rows`` tiles of the coarsest zoom, and all tiles of the finer ones that lie in them."""

    zooms: tuple[int, ...]
    columns: int
    rows: int
    x0: int = 70_000
    y0: int = 44_000

    def tiles(self) -> Iterator[TileId]:
        """Yield the tiles, coarse zooms first, row by row: the order in which a download asks for them."""
        for z in self.zooms:
            finer = z - self.zooms[0]
            for y in range(self.y0 << finer, (self.y0 + self.rows) << finer):
                for x in range(self.x0 << finer, (self.x0 + self.columns) << finer):
                    yield TileId(z, x, y)

    @property
    def bounds_deg(self) -> tuple[float, float, float, float]:
        """West, south, east and north of a box that touches these tiles and no others."""
        first = tile_bounds_deg(TileId(self.zooms[0], self.x0, self.y0))
        last = tile_bounds_deg(TileId(self.zooms[0], self.x0 + self.columns - 1, self.y0 + self.rows - 1))
        inset_x, inset_y = (last[2] - last[0]) * _INSET, (first[3] - first[1]) * _INSET
        return first[0] + inset_x, last[1] + inset_y, last[2] - inset_x, first[3] - inset_y

    def write_flight(self, path: Path) -> None:
        """Write a flight from one corner of the block to the other."""
        west, south, east, north = self.bounds_deg
        corners = ((north, west), (south, east))
        waypoints = [
            {"ordinal": number, "lat": lat, "lon": lon, "alt_m": 120.0, "alt_frame": "takeoff"}
            for number, (lat, lon) in enumerate(corners)
        ]
        path.write_text(json.dumps({"id": "B-1", "name": "Benchmark", "waypoints": waypoints}))

    def write_pictures(self, root: Path, picture: Callable[[], bytes]) -> int:
        """Write one picture a tile, ``Z/X/Y.jpg``, bring them to the disk, and return how many bytes they have."""
        total = 0
        for tile in self.tiles():
            folder = root / str(tile.z) / str(tile.x)
            data = picture()
            try:
                (folder / f"{tile.y}.jpg").write_bytes(data)
            except FileNotFoundError:
                folder.mkdir(parents=True)
                (folder / f"{tile.y}.jpg").write_bytes(data)
            total += len(data)
        os.sync()
        return total


def tile_path(tile: TileId) -> str:
    """Return where a tile lies below the root of a server, and below the folder that a peer fills."""
    return f"{tile}.jpg"
