"""Tiles of a PMTiles archive (version 3), a file of this machine or on a web server that serves parts of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from operator_tool.api import (
    ConfigError,
    Meta,
    PluginSettings,
    ProviderInfo,
    RunContext,
    TileResult,
    WantedTile,
    hookimpl,
    sniff_picture_format,
)

from .._http.extent import Extent, check_extent, extent_hint, extent_of
from .._http.settings import ExtentSettings
from .._projection import check_web_mercator
from .._sample_tile import kind_of_members, kind_of_samples, not_pictures, tile_size_px
from .archive import Archive, Source
from .from_file import FileSource
from .from_http import HttpSource
from .rows import shown_by_tiles


class PmtilesSettings(ExtentSettings, frozen=True, kw_only=True):
    """The settings of the provider ``pmtiles``: ``path`` or ``url``, and how a server is to be asked."""

    path: Annotated[Path | None, Meta(description="The archive, where it is a file. It is read and never written.")] = (
        None
    )
    url: Annotated[
        str,
        Meta(
            description="The archive's address, where it lies on a server that serves parts of files (ranges);"
            " {api_key} is the key."
        ),
    ] = ""
    tile_size: Annotated[
        Annotated[int, Meta(ge=64, le=2048)] | None,
        Meta(description="The tiles' width and height in pixels; those of a first tile when not set."),
    ] = None


class PmtilesProvider:
    """Gives the pictures of one archive."""

    def __init__(self, settings: PmtilesSettings, context: RunContext) -> None:
        check_extent(settings, name="pmtiles")
        self._settings = settings
        self._notes: tuple[str, ...] = ()
        self._bulk_download = settings.bulk_download
        self._archive: Archive | None = None
        self._source: Source
        if (settings.path is None) == (not settings.url):
            seen = "both are" if settings.url else "none is"
            raise ConfigError(f"pmtiles takes its tiles from pmtiles.path or from pmtiles.url, and {seen} set")
        if settings.path is not None:
            self._source = FileSource(settings.path, context)
        else:
            self._source = source = HttpSource(settings.url, settings, context)
            self._bulk_download = source.site.bulk_download

    def describe(self) -> ProviderInfo:
        """Return what the header and the metadata say, and what a first tile shows where they are silent.

        Raises ``ConfigError`` when it is not an archive of pictures, ``DownloadError`` when it can't be had.
        """
        archive = self._opened()
        header = archive.header
        sample = archive.sample()
        picture_format = sniff_picture_format(sample)
        kind = kind_of_samples([sample])
        if kind is not None:
            raise not_pictures(self._source.named, kind, choose="an archive")
        picture_format = header.picture_format or picture_format
        announced = Extent(min_zoom=header.min_zoom, max_zoom=header.max_zoom, bounds_deg=header.bounds_deg)
        notes, hint = self._notes, extent_hint("pmtiles")
        if self._settings.path is not None:
            # In a file the tiles themselves tell, at no cost.
            shown = shown_by_tiles(archive, self._source.named, self._settings.projection)
            announced, notes, hint = shown.extent, (*notes, *shown.notes), ""
        extent = extent_of(self._settings, announced, name="pmtiles")
        return ProviderInfo(
            dataset=self._settings.dataset or self._source.dataset(archive),
            min_zoom=extent.min_zoom,
            max_zoom=extent.max_zoom,
            bounds_deg=extent.bounds_deg,
            extent_hint=hint,
            tile_size_px=self._settings.tile_size or tile_size_px(sample),
            formats=() if picture_format is None else (picture_format,),
            attribution=self._settings.attribution or archive.text("attribution"),
            version=archive.text("version"),
            bulk_download=self._bulk_download,
            notes=notes,
        )

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield one result for each wanted tile; one that the archive lacks is absent without being asked for.

        Raises ``DownloadError`` when the archive can't be had or read on, or is another one now.
        """
        return self._source.fetch(wanted, self._opened())

    def close(self) -> None:
        """Close the file, where it is one."""
        self._source.close()

    def _opened(self) -> Archive:
        if self._archive is None:
            archive = Archive(self._source)
            members = archive.members()
            of = f"the metadata of {self._source.named}"
            kind = None if archive.header.picture_format is not None else kind_of_members(members)
            if kind is not None:
                raise not_pictures(of, kind, choose="an archive")
            self._notes = check_web_mercator(
                members, of=of, setting="pmtiles.projection", answer=self._settings.projection
            )
            self._archive = archive
        return self._archive


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of the settings."""
    return PmtilesSettings


@hookimpl.make_tile_provider
def make_tile_provider(settings: PluginSettings, context: RunContext) -> PmtilesProvider:
    """Return the provider; the archive is opened when it is first asked. Raises ``ConfigError``."""
    assert isinstance(settings, PmtilesSettings)
    return PmtilesProvider(settings, context)
