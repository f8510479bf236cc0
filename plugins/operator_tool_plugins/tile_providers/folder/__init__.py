"""Tiles that lie in a folder as ``z/x/y.jpg`` (or ``jpeg``, ``png``, ``webp``): of gdal2tiles, mb-util, a scraper.

The data set is the folder's name and a digest of its resolved path, its layout, its metadata files, and of the name and
time of every zoom's and column's folder. So it is another one as soon as a tile is added, removed or replaced by a
rename, and also when the folder was moved: to read a folder again costs little, to take old imagery for new may cost
the drone. A tile that is overwritten in place changes no folder's time: its own size and time are its ETag, by which
``--max-age`` finds it. An operator who knows better sets ``folder.dataset``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
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
    RunContext,
    TileResult,
    Unreachable,
    WantedTile,
    hookimpl,
    sniff_picture_format,
)

from .._sample_tile import kind_of_members, kind_of_samples, kind_of_word, not_pictures, tile_size_px
from .held_zoom import HeldZoom
from .look import Layout, Look, look_at
from .plain_file import close_file, read_tile

_ENDINGS = ("jpg", "png", "jpeg", "webp")
_UNREADABLE_IN_A_ROW = 24


class FolderSettings(PluginSettings, frozen=True, kw_only=True):
    """The settings of the provider ``folder``."""

    path: Annotated[Path, Meta(description="The folder of the zooms' folders. It is read and never written.")]
    layout: Annotated[
        Layout,
        Meta(
            description="Whether rows count from the north (xyz) or from the south (tms); auto: from the south where"
            ' gdal2tiles has left a tilemapresource.xml, or where a metadata.json has "scheme": "tms".'
        ),
    ] = "auto"
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

    def describe(self) -> ProviderInfo:
        """Return what the folders' names, the metadata and a first tile say.

        Raises ``ConfigError`` when it is not a folder of pictures in Web Mercator.
        """
        settings, look = self._settings, self._first_look()
        kind = _kind(look)
        if kind is not None:
            raise not_pictures(str(settings.path), kind, choose="a folder")
        min_zoom = look.zooms[0] if settings.min_zoom is None else settings.min_zoom
        max_zoom = look.zooms[-1] if settings.max_zoom is None else settings.max_zoom
        if min_zoom > max_zoom:
            raise ConfigError(
                f"folder.min_zoom and folder.max_zoom leave the zooms {min_zoom} to {max_zoom}, which are none;"
                f" {settings.path} has {look.zooms[0]} to {look.zooms[-1]}"
            )
        picture_format = sniff_picture_format(look.sample)
        return ProviderInfo(
            dataset=settings.dataset or look.dataset,
            min_zoom=min_zoom,
            max_zoom=max_zoom,
            tile_size_px=settings.tile_size or tile_size_px(look.sample),
            formats=() if picture_format is None else (picture_format,),
            attribution=settings.attribution or look.text("attribution"),
            version=look.text("version"),
        )

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield the tiles in the order in which they are wanted.

        Raises ``DownloadError`` when the folder is no longer there, can't be read on, or is not what it was.
        """
        look = self._first_look()
        # The ending of the first tile first: then one attempt is enough for most.
        endings = tuple(dict.fromkeys((look.sample_ending or _ENDINGS[0], *_ENDINGS)))
        with ExitStack() as held:
            zooms = {z: held.enter_context(HeldZoom(look.root / str(z))) for z in look.zooms}
            for tile in wanted:
                if self._context.cancelled.is_set():
                    return
                zoom = zooms.get(tile.id.z)
                if zoom is None:
                    yield Absent(tile.id, "no such zoom in the folder")
                    continue
                row = (1 << tile.id.z) - 1 - tile.id.y if look.from_south else tile.id.y
                yield self._tile(zoom, [f"{tile.id.x}/{row}.{ending}" for ending in endings], tile)
        if not self._settings.dataset:
            self._check_unchanged(look)

    def close(self) -> None:
        """Nothing is held between two fetches."""

    def _first_look(self) -> Look:
        if self._look is None:
            self._look = look_at(self._settings.path, self._settings.layout)
        return self._look

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


def _kind(look: Look) -> str | None:
    words = kind_of_word(look.sample_ending) or kind_of_members({"format": look.text("format")})
    return words or kind_of_samples([look.sample])


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of the settings."""
    return FolderSettings


@hookimpl.make_tile_provider
def make_tile_provider(settings: PluginSettings, context: RunContext) -> FolderProvider:
    """Return the provider; the folder is looked at when it is first asked."""
    assert isinstance(settings, FolderSettings)
    return FolderProvider(settings, context)
