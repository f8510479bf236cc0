"""Which matrix of a set is which zoom of the web maps."""

from __future__ import annotations

import math

import msgspec

from operator_tool.api import MAX_ZOOM

from .._projection import ProjectionSetting
from .._projection_words import Projection, projection_of_word
from .capabilities import MatrixSet, MatrixSetLink, TileLimits, TileMatrix

_WORLD_M = math.tau * 6_378_137.0
"""The width of the world in Web Mercator."""
_PIXEL_M = 0.28e-3
"""What a pixel is taken for on paper; the scale denominators follow from it (OGC 07-057r7, section 6.1)."""
_CORNER_OFF_BY_M = 1.0
"""Some servers write the corner without its fraction, 0.34 m off."""
_SCALE_OFF_BY = 1e-4
_SCALE_SET = "GoogleMapsCompatible"
_TILE_SIZES_PX = range(64, 2049)
_SMALLEST_TILE_M = 1.0


class ZoomMatrix(msgspec.Struct, frozen=True):
    """The matrix of one zoom, and which of its tiles there are."""

    name: str
    limits: TileLimits

    def has(self, column: int, row: int) -> bool:
        """Say whether a tile is within the limits."""
        limits = self.limits
        return limits.min_column <= column <= limits.max_column and limits.min_row <= row <= limits.max_row


class Grid(msgspec.Struct, frozen=True):
    """A matrix set whose columns and rows are the x and y of the web maps."""

    name: str
    tile_size_px: int
    zooms: dict[int, ZoomMatrix]
    note: str = ""
    """What is to be known of it, safe to show but for the set's name."""


def grid_of(
    matrix_set: MatrixSet, link: MatrixSetLink, *, projection: ProjectionSetting = "auto", all_tiles: bool = False
) -> Grid | str:
    """Return the grid that a layer is cut by, or why it is not that of the web maps.

    A zoom is told by how much ground a tile covers, for the names of matrices mean nothing and tiles of 512 pixels are
    numbered as those of 256. Matrices that don't fit are left out, those for which a layer has no limits among others
    that it has limits for too; with ``all_tiles`` the limits don't count.
    """
    if all_tiles:
        link = msgspec.structs.replace(link, limits={})
    said = _projection(matrix_set)
    if said is not Projection.WEB_MERCATOR and projection != "web-mercator":
        return f"is in {matrix_set.crs or 'no system that it names'}, not in Web Mercator (EPSG:3857)"
    zooms: dict[int, ZoomMatrix] = {}
    tile_size_px = 0
    swapped = False
    for matrix in matrix_set.matrices:
        zoom = _zoom(matrix)
        if zoom is None or zoom in zooms or (zooms and matrix.tile_width_px != tile_size_px):
            continue
        limits = _limits(matrix, matrix_set, link)
        if limits is not None:
            zooms[zoom] = ZoomMatrix(matrix.name, limits)
            tile_size_px = matrix.tile_width_px
            swapped = swapped or matrix.left_m > 0
    if not zooms:
        return "has no matrix with the corner and the scale of the web maps that this layer is in"
    notes = []
    if swapped:
        notes.append("its corners stand as northing, easting")
    if said is not Projection.WEB_MERCATOR:
        notes.append(f"it says {matrix_set.crs or 'nothing'} of its projection")
    return Grid(matrix_set.name, tile_size_px, zooms, "; ".join(notes))


def _projection(matrix_set: MatrixSet) -> Projection:
    """Return what a set says of its projection: by its system, and where that says nothing by its scales."""
    by_system = projection_of_word(matrix_set.crs)
    if by_system in (Projection.SILENT, Projection.UNKNOWN) and matrix_set.scale_set.endswith(_SCALE_SET):
        return Projection.WEB_MERCATOR
    return by_system


def _zoom(matrix: TileMatrix) -> int | None:
    """Return the zoom whose tiles a matrix has; None when they are not those of the web maps."""
    if matrix.tile_width_px != matrix.tile_height_px or matrix.tile_width_px not in _TILE_SIZES_PX:
        return None
    # Some services write northing before easting; (east, south) can't be meant as the top left corner of anything.
    half_m = _WORLD_M / 2
    left_m, top_m = (matrix.top_m, matrix.left_m) if matrix.left_m > 0 > matrix.top_m else (matrix.left_m, matrix.top_m)
    corner_off_m = max(abs(left_m + half_m), abs(top_m - half_m))
    tile_m = matrix.scale_denominator * _PIXEL_M * matrix.tile_width_px
    if corner_off_m > _CORNER_OFF_BY_M or tile_m < _SMALLEST_TILE_M:
        return None
    zoom = round(math.log2(_WORLD_M / tile_m))
    if not 0 <= zoom <= MAX_ZOOM or abs(tile_m * 2**zoom / _WORLD_M - 1.0) > _SCALE_OFF_BY:
        return None
    return zoom


def _limits(matrix: TileMatrix, matrix_set: MatrixSet, link: MatrixSetLink) -> TileLimits | None:
    """Return which tiles of a matrix a layer has: all of them, or those within its limits."""
    whole = TileLimits(0, matrix.columns - 1, 0, matrix.rows - 1)
    if not link.limits:
        return whole
    # Some servers write the set's name before the matrix's in the one place and not in the other.
    own = link.limits.get(matrix.name) or link.limits.get(f"{matrix_set.name}:{matrix.name}")
    if own is None:
        return None
    return TileLimits(
        max(own.min_column, 0),
        min(own.max_column, whole.max_column),
        max(own.min_row, 0),
        min(own.max_row, whole.max_row),
    )
