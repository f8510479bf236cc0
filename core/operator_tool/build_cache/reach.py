"""What a provider can have at all, by its own description: nothing else of it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from operator_tool.api.build import GapCause
from operator_tool.api.escaping import escape_controls
from operator_tool.api.tiles import ProviderInfo, TileId
from operator_tool.geo.coverage import TileRange
from operator_tool.geo.mercator import lat_deg_of, tile_bounds_deg
from operator_tool.geo.resolution import tile_gsd_m


class Reach:
    """Which tiles one provider may be asked for."""

    def __init__(self, name: str, info: ProviderInfo, *, finest_zoom: int, max_gsd_m: float | None) -> None:
        self._name = name
        self._info = info
        self._finest_zoom = finest_zoom
        self._max_gsd_m = max_gsd_m

    def problem(self, tiles: TileRange) -> tuple[GapCause, str] | None:
        """Return why the provider can't have these tiles, None when it may."""
        info = self._info
        if tiles.z > info.max_zoom:
            return GapCause.TOO_COARSE, f"{self._name} ends at zoom {info.max_zoom}{self._hint()}"
        if tiles.z < info.min_zoom:
            return GapCause.OUT_OF_BOUNDS, f"{self._name} begins at zoom {info.min_zoom}{self._hint()}"
        if self._max_gsd_m is not None and tiles.z == self._finest_zoom:
            metres = tile_gsd_m(tiles.z, lat_deg_of((tiles.y + 0.5) / (1 << tiles.z)), info.tile_size_px)
            if metres > self._max_gsd_m:
                return (
                    GapCause.TOO_COARSE,
                    f"{self._name} has {metres:.2f} m a pixel at zoom {tiles.z}, more than {self._max_gsd_m:g} m",
                )
        if info.bounds_deg is not None and not _touches(tiles, info.bounds_deg):
            covered = ", ".join(f"{degrees:.6g}" for degrees in info.bounds_deg)
            return (
                GapCause.OUT_OF_BOUNDS,
                f"by its metadata {self._name} covers only {covered} (west, south, east, north){self._hint()}",
            )
        return None

    def _hint(self) -> str:
        return f"; {escape_controls(self._info.extent_hint, limit=200)}" if self._info.extent_hint else ""


def first_asked(chain: Sequence[Reach], tiles: TileRange) -> int | None:
    """Return which provider of a chain is the first that may be asked for these tiles; None when there is none.

    Before a build its store alone spares a download: another provider's copy spares nothing where one before it is
    asked first.
    """
    return next((number for number, reach in enumerate(chain) if reach.problem(tiles) is None), None)


def _touches(tiles: TileRange, bounds_deg: tuple[float, float, float, float]) -> bool:
    west, south, east, north = bounds_deg
    tile_west, tile_south, _, tile_north = tile_bounds_deg(TileId(tiles.z, tiles.x0, tiles.y))
    tile_east = tile_bounds_deg(TileId(tiles.z, tiles.x1, tiles.y))[2]
    if tile_south >= north or tile_north <= south:
        return False
    if west <= east:
        return tile_west < east and tile_east > west
    return tile_west < east or tile_east > west
