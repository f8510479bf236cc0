"""Tiles of an MBTiles file, read where it lies (MBTiles 1.3: an SQLite database, rows counted from the south).

What the rows are counts; what the metadata announce of zooms and bounds is for a viewer's first look, and is wrong in
many files: where it doesn't fit the tiles, that is noted. What they say of the projection, of the kind of tiles and of
the side that rows are counted from must be right: taken wrongly, another place would be shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

from operator_tool.api import (
    Absent,
    Corrupt,
    Meta,
    PluginSettings,
    ProviderInfo,
    Refused,
    RunContext,
    Tile,
    TileId,
    TileResult,
    WantedTile,
    hookimpl,
    sniff_picture_format,
)

from .._projection import PROJECTION_DESCRIPTION, ProjectionSetting
from .._rows import ROWS_DESCRIPTION, RowsSetting, RowsWatch
from .._sample_tile import kind_of_members, kind_of_samples, no_picture, not_pictures, one_size_px
from .database import Database, ValueTooLongError
from .look import MAX_TILE_BYTES, Look, has_rows, look_at
from .words import announced, check_projection, counts_from_south


class MbtilesSettings(PluginSettings, frozen=True, kw_only=True):
    """The settings of the provider ``mbtiles``."""

    path: Annotated[Path, Meta(description="The MBTiles file. It is read and never written.")]
    layout: Annotated[RowsSetting, Meta(description=ROWS_DESCRIPTION)] = "auto"
    projection: Annotated[ProjectionSetting, Meta(description=PROJECTION_DESCRIPTION)] = "auto"
    tile_size: Annotated[
        Annotated[int, Meta(ge=64, le=2048)] | None,
        Meta(description="The tiles' width and height in pixels; those of a first tile of each zoom when not set."),
    ] = None


class MbtilesProvider:
    """Reads one file, tile after tile, in the order in which they are wanted."""

    def __init__(self, settings: MbtilesSettings, context: RunContext) -> None:
        self._settings = settings
        self._context = context
        self._database = Database(settings.path, context)
        self._look: Look | None = None

    def describe(self) -> ProviderInfo:
        """Return what the file's rows and metadata say.

        Raises ``ConfigError`` when it is not a file of pictures in Web Mercator.
        """
        look, settings = self._first_look(), self._settings
        kind = kind_of_members(look.metadata) or kind_of_samples(look.samples)
        if kind is not None:
            raise not_pictures(str(settings.path), kind, choose="an MBTiles file")
        notes = check_projection(look, settings)
        from_south = counts_from_south(look, settings)
        extent = announced(look, settings, from_south=from_south)
        formats = (sniff_picture_format(sample) for sample in look.samples)
        return ProviderInfo(
            dataset=self._dataset(look.metadata),
            min_zoom=look.zooms[0],
            max_zoom=look.zooms[1],
            bounds_deg=extent.ground_deg,
            tile_size_px=settings.tile_size
            or one_size_px(look.samples, of=str(settings.path), setting="mbtiles.tile_size"),
            formats=tuple(sorted({found for found in formats if found is not None})),
            attribution=look.metadata.get("attribution", ""),
            version=look.metadata.get("version", ""),
            notes=(*notes, *extent.notes),
        )

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield the tiles in the order in which they are wanted.

        Raises ``DownloadError`` when the file can't be read on, or is not what it was when it was opened; and when not
        one tile of a zoom is there, but the rows of the other side are.
        """
        look = self._first_look()
        from_south = counts_from_south(look, self._settings)
        watch = RowsWatch(
            f"{self._settings.path}", "mbtiles.layout", from_south=from_south, is_set=self._settings.layout != "auto"
        )
        for tile in wanted:
            if self._context.cancelled.is_set():
                return
            result = self._tile(look, tile.id, from_south=from_south)
            if not isinstance(result, Absent):
                watch.found(tile.id)
            elif watch.is_turned(
                tile.id,
                is_there=partial(self._is_there, look, tile.id, from_south=not from_south),
                has_half=partial(self._has_half, look, tile.id, from_south=from_south),
            ):
                result = Refused(tile.id, watch.reason)
            yield result
        self._database.check_unchanged()
        watch.judge()

    def close(self) -> None:
        """Close the file; may be called while another thread is still within ``fetch``."""
        self._database.close()

    def _first_look(self) -> Look:
        if self._look is None:
            self._look = look_at(self._database, str(self._settings.path))
        return self._look

    def _tile(self, look: Look, tile: TileId, *, from_south: bool) -> TileResult:
        row = (1 << tile.z) - 1 - tile.y if from_south else tile.y
        # The length comes first, so that a blob without end is never in memory.
        sql = (
            "SELECT length(tile_data), CASE WHEN length(tile_data) <= ? THEN tile_data END FROM tiles"
            " WHERE zoom_level = ? AND tile_column = ? AND tile_row = ? LIMIT 1"
        )
        try:
            with self._database.reading() as connection:
                rows = connection.execute(sql, (MAX_TILE_BYTES, *look.keys(tile.z, tile.x, row))).fetchall()
        except ValueTooLongError:
            return Corrupt(tile, f"more than {MAX_TILE_BYTES >> 20} MiB long")
        if not rows or not rows[0][0]:
            return Absent(tile, "not in the file")
        length_bytes, data = rows[0]
        if data is None:
            return Corrupt(tile, f"{length_bytes:,} bytes long, more than {MAX_TILE_BYTES >> 20} MiB")
        if not isinstance(data, bytes):
            return Corrupt(tile, "not a jpg, png or webp picture: its row holds text")
        if sniff_picture_format(data) is None:
            return Corrupt(tile, no_picture(data))
        return Tile(tile, data)

    def _is_there(self, look: Look, tile: TileId, *, from_south: bool) -> bool:
        return not isinstance(self._tile(look, tile, from_south=from_south), Absent)

    def _has_half(self, look: Look, tile: TileId, *, from_south: bool) -> bool:
        """Say whether the file has any tile of this zoom in the half of the world that this one is in."""
        half = 1 << tile.z >> 1
        south_rows = (0, half - 1) if from_south else (half, 2 * half - 1)
        north_rows = (half, 2 * half - 1) if from_south else (0, half - 1)
        return has_rows(self._database, look, tile.z, south_rows if tile.y >= half else north_rows)

    def _dataset(self, metadata: dict[str, str]) -> str:
        """Return the file's identity. Its time counts: other imagery in a file of the same size would go unseen."""
        opened_as, settings = self._database.opened_as, self._settings
        assert opened_as is not None
        seen: object = sorted(metadata.items())
        if settings.layout != "auto":
            seen = (seen, settings.layout)
        digest = hashlib.sha256(repr(seen).encode()).hexdigest()
        name = "".join(c for c in metadata.get("name", "") if c.isprintable())[:80] or settings.path.stem
        return f"mbtiles:{name}:{opened_as.st_size}:{opened_as.st_mtime_ns}:{digest[:16]}"


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of the settings."""
    return MbtilesSettings


@hookimpl.make_tile_provider
def make_tile_provider(settings: PluginSettings, context: RunContext) -> MbtilesProvider:
    """Return the provider; the file is opened when it is first asked."""
    assert isinstance(settings, MbtilesSettings)
    return MbtilesProvider(settings, context)
