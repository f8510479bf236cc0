"""Tiles that lie in a folder as ``z/x/y.jpg`` (or ``jpeg``, ``png``, ``webp``): of gdal2tiles, mb-util, a scraper.

The data set is the folder's name and a digest of its resolved path, its layout, its metadata files, and of the name and
time of every zoom's and column's folder. So it is another one as soon as a tile is added, removed or replaced by a
rename, and also when the folder was moved: to read a folder again costs little, to take old imagery for new may cost
the drone. A tile that is overwritten in place changes no folder's time: its own size and time are its ETag, by which
``--max-age`` finds it. An operator who knows better sets ``folder.dataset``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

from operator_tool.api import (
    MAX_ZOOM,
    Absent,
    ConfigError,
    DownloadError,
    Meta,
    PluginSettings,
    ProviderInfo,
    Refused,
    RunContext,
    TileId,
    TileResult,
    Unreachable,
    WantedTile,
    escape_controls,
    hookimpl,
    sniff_picture_format,
)

from .._projection import PROJECTION_DESCRIPTION, ProjectionSetting
from .._rows import RowsSetting, RowsWatch
from .._sample_tile import not_pictures
from .first_tiles import name_like, some_names
from .held_zoom import HeldZoom
from .judgement import check_names, check_projection, check_side, kind_of, one_size
from .look import Look, look_at
from .plain_file import close_file, read_tile

_ENDINGS = ("jpg", "png", "jpeg", "webp")
_UNREADABLE_IN_A_ROW = 24
_MOST_LOOKED_FOR = 1_000
"""So many tiles that are not there are looked for under other names, none of their zoom having been found."""


class FolderSettings(PluginSettings, frozen=True, kw_only=True):
    """The settings of the provider ``folder``."""

    path: Annotated[Path, Meta(description="The folder of the zooms' folders. It is read and never written.")]
    layout: Annotated[
        RowsSetting,
        Meta(
            description="Whether rows count from the north (xyz) or from the south (tms); auto: from the south where"
            ' gdal2tiles has left a tilemapresource.xml, or where a metadata.json has "scheme": "tms".'
        ),
    ] = "auto"
    projection: Annotated[ProjectionSetting, Meta(description=PROJECTION_DESCRIPTION)] = "auto"
    tile_size: Annotated[
        Annotated[int, Meta(ge=64, le=2048)] | None,
        Meta(description="The tiles' width and height in pixels; those of a first tile when not set."),
    ] = None
    min_zoom: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_ZOOM)] | None,
        Meta(description="The coarsest zoom to use; the folder's when not set."),
    ] = None
    max_zoom: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_ZOOM)] | None,
        Meta(description="The finest zoom to use; the folder's when not set."),
    ] = None
    attribution: Annotated[str, Meta(description="Whose imagery it is, for the report and the cache.")] = ""
    dataset: Annotated[
        str,
        Meta(
            description="Names the imagery; made from the folder when empty. Where it is set, the folder may change"
            " while it is read, and only with --max-age are its tiles looked at again."
        ),
    ] = ""


class FolderProvider:
    """Reads one folder, tile after tile, in the order in which they are wanted."""

    def __init__(self, settings: FolderSettings, context: RunContext) -> None:
        self._settings = settings
        self._context = context
        self._look: Look | None = None
        self._unreadable_in_a_row = 0
        self._looked_for_names = 0

    def describe(self) -> ProviderInfo:
        """Return what the folders' names, the metadata and a first tile say.

        Raises ``ConfigError`` when it is not a folder of pictures in Web Mercator.
        """
        settings, look = self._settings, self._first_look()
        kind = kind_of(look)
        if kind is not None:
            raise not_pictures(str(settings.path), kind, choose="a folder")
        check_names(look, settings)
        notes = check_projection(look, settings)
        check_side(look, settings)
        min_zoom = look.zooms[0] if settings.min_zoom is None else settings.min_zoom
        max_zoom = look.zooms[-1] if settings.max_zoom is None else settings.max_zoom
        if min_zoom > max_zoom:
            raise ConfigError(
                f"folder.min_zoom and folder.max_zoom leave the zooms {min_zoom} to {max_zoom}, which are none;"
                f" {settings.path} has {look.zooms[0]} to {look.zooms[-1]}"
            )
        formats = (sniff_picture_format(data) for _, _, data in look.first.tiles)
        return ProviderInfo(
            dataset=settings.dataset or look.dataset,
            min_zoom=min_zoom,
            max_zoom=max_zoom,
            tile_size_px=settings.tile_size or one_size(look, settings),
            formats=tuple(sorted({found for found in formats if found is not None})),
            attribution=settings.attribution or look.text("attribution"),
            version=look.text("version"),
            notes=notes,
        )

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield the tiles in the order in which they are wanted.

        Raises ``DownloadError`` when the folder is no longer there, can't be read on, or is not what it was; and where
        not one tile of a zoom is there, but the rows of the other side are, or files of another name.
        """
        look = self._first_look()
        # The ending of the first tile first: then one attempt is enough for most.
        endings = tuple(dict.fromkeys((*(ending for _, ending, _ in look.first.tiles), *_ENDINGS)))
        watch = RowsWatch(
            str(self._settings.path),
            "folder.layout",
            from_south=look.from_south,
            is_set=self._settings.layout != "auto",
        )
        renamed: dict[int, tuple[TileId, str]] = {}
        with ExitStack() as held:
            zooms = {z: held.enter_context(HeldZoom(look.root / str(z))) for z in look.zooms}
            for tile in wanted:
                if self._context.cancelled.is_set():
                    return
                zoom = zooms.get(tile.id.z)
                if zoom is None:
                    yield Absent(tile.id, "no such zoom in the folder")
                    continue
                result = self._tile(zoom, _names(tile.id, endings, from_south=look.from_south), tile)
                if not isinstance(result, Absent):
                    watch.found(tile.id)
                elif watch.is_turned(
                    tile.id,
                    is_there=partial(zoom.has_any, _names(tile.id, endings, from_south=not look.from_south)),
                    has_half=partial(_has_half, look, tile.id),
                ):
                    result = Refused(tile.id, watch.reason)
                elif not watch.has_found(tile.id.z) and (like := self._like(look, tile.id)):
                    renamed.setdefault(tile.id.z, (tile.id, like))
                    result = Refused(tile.id, f"not in the folder by its name, but {like} is")
                yield result
        if not self._settings.dataset:
            self._check_unchanged(look)
        watch.judge()
        for z, (tile_id, like) in renamed.items():
            if not watch.has_found(z):
                raise self._misnamed(look, tile_id, like)

    def close(self) -> None:
        """Nothing is held between two fetches."""

    def _first_look(self) -> Look:
        if self._look is None:
            self._look = look_at(self._settings.path, self._settings.layout)
        return self._look

    def _like(self, look: Look, tile: TileId) -> str:
        """Return the name, safe to show, under which a tile seems to lie that is not there; empty where none does."""
        self._looked_for_names += 1
        if self._looked_for_names > _MOST_LOOKED_FOR:
            return ""
        like = name_like(look.root / str(tile.z), tile, _row(look, tile))
        return escape_controls(f"{tile.z}/{like}", limit=100) if like else ""

    def _misnamed(self, look: Look, tile: TileId, like: str) -> DownloadError:
        return DownloadError(
            f"not one of the tiles that are needed at zoom {tile.z} is in {self._settings.path} by its name:"
            f" {tile.z}/{tile.x}/{_row(look, tile)}.jpg (or png, webp) is not there, but {like} is",
            hint="Name the files z/x/y.jpg, with plain numbers and nothing between number and ending; then run the same"
            " command again.",
            retryable=False,
        )

    def _tile(self, zoom: HeldZoom, names: list[str], wanted: WantedTile) -> TileResult:
        try:
            fd = zoom.open_first(names)
            if fd is None:
                zoom.check_there()
                return Absent(wanted.id, "not in the folder")
            with close_file(fd):
                result = read_tile(fd, wanted)
        except OSError as error:
            zoom.check_there()
            return self._unreadable(zoom, wanted, error)
        self._unreadable_in_a_row = 0
        return result

    def _unreadable(self, zoom: HeldZoom, wanted: WantedTile, error: OSError) -> TileResult:
        """Return a file that can't be read as a gap; raise when so many in a row can't that the disk is to blame."""
        self._unreadable_in_a_row += 1
        if self._unreadable_in_a_row >= _UNREADABLE_IN_A_ROW:
            raise DownloadError(
                f"{zoom.path} can't be read: {error.strerror}, for {self._unreadable_in_a_row} tiles in a row",
                hint="Check the disk and the permissions of the files, and run the same command again.",
            ) from error
        return Unreachable(wanted.id, f"the file can't be read: {error.strerror}")

    def _check_unchanged(self, before: Look) -> None:
        try:
            now = look_at(self._settings.path, self._settings.layout).dataset
        except ConfigError:
            now = ""
        if now != before.dataset:
            raise DownloadError(
                f"{self._settings.path} was changed while it was read",
                hint="Run the same command again once nothing writes to it, or name the imagery with folder.dataset.",
            )


def _row(look: Look, tile: TileId) -> int:
    return (1 << tile.z) - 1 - tile.y if look.from_south else tile.y


def _names(tile: TileId, endings: Sequence[str], *, from_south: bool) -> list[str]:
    row = (1 << tile.z) - 1 - tile.y if from_south else tile.y
    return [f"{tile.x}/{row}.{ending}" for ending in endings]


def _has_half(look: Look, tile: TileId) -> bool:
    """Say whether the column has any tile in the half of the world that this one is in."""
    half = 1 << tile.z >> 1
    names = some_names(look.root / str(tile.z) / str(tile.x), 100_000)
    rows = (int(stem) for name in names if (stem := name.partition(".")[0]).isdecimal())
    return any((row >= half) != look.from_south if tile.y >= half else (row < half) != look.from_south for row in rows)


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of the settings."""
    return FolderSettings


@hookimpl.make_tile_provider
def make_tile_provider(settings: PluginSettings, context: RunContext) -> FolderProvider:
    """Return the provider; the folder is looked at when it is first asked."""
    assert isinstance(settings, FolderSettings)
    return FolderProvider(settings, context)
