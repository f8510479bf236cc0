"""Tiles of a satellite service that keeps an inventory: it is asked what it has before it is asked for a tile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated

from operator_tool.api import (
    MAX_ZOOM,
    ConfigError,
    Meta,
    PictureFormat,
    PluginSettings,
    ProviderInfo,
    RunContext,
    TileResult,
    WantedTile,
    hookimpl,
)

from .._http.address import check_address, check_for_credentials
from .._http.engine import HttpEngine
from .._http.exchange import Request
from .._http.extent import check_extent
from .._http.settings import TileServerSettings
from .._http.site import Site
from .._http.url_template import UrlTemplate, parse_url_template
from .._projection import check_said, said_of_address
from .inventory import Inventory
from .sieve import Sieve


class SatelliteSettings(TileServerSettings, frozen=True, kw_only=True):
    """The settings of the provider ``satellite``."""

    url: Annotated[
        str, Meta(description="The service's base address, such as https://satellite.example.com; the paths follow it.")
    ]
    tiles_path: Annotated[
        str, Meta(pattern="^/", description="Where a tile is, with the placeholders {z} {x} {y}.")
    ] = "/tiles/{z}/{x}/{y}"
    inventory_path: Annotated[
        str,
        Meta(
            pattern="^(/|$)", description="Where the inventory is; empty where there is none: each tile is asked for."
        ),
    ] = "/api/satellite/tiles/inventory"
    min_zoom: Annotated[int, Meta(ge=0, le=MAX_ZOOM, description="The coarsest zoom that the service has.")] = 15
    max_zoom: Annotated[int, Meta(ge=0, le=MAX_ZOOM, description="The finest zoom that the service has.")] = 19
    tile_size: Annotated[int, Meta(ge=64, le=2048, description="The tiles' width and height in pixels.")] = 256


class SatelliteProvider:
    """Asks the inventory about a batch of tiles, and then the service for those that it has."""

    def __init__(self, settings: SatelliteSettings, context: RunContext) -> None:
        self._settings = settings
        self._context = context
        check_extent(settings, name="satellite")
        base = _base_address(settings.url)
        self._template = _template(base, settings.tiles_path)
        check_for_credentials(self._template.text, setting="satellite.tiles_path", public=settings.public_url)
        self._notes = check_said(
            said_of_address(settings.tiles_path),
            of="satellite.tiles_path",
            setting="satellite.projection",
            answer=settings.projection,
        )
        inventory_url = base + settings.inventory_path if settings.inventory_path else ""
        if inventory_url:
            check_address(inventory_url, setting="satellite.inventory_path")
            check_for_credentials(inventory_url, setting="satellite.inventory_path", public=settings.public_url)
        self._site = Site.of("satellite", base, settings)
        self._engine = HttpEngine(self._site, settings, context)
        self._inventory = Inventory(inventory_url, self._engine, host=self._site.host, emit=context.emit)

    def describe(self) -> ProviderInfo:
        """Return what the settings say; the service is not asked."""
        settings = self._settings
        return ProviderInfo(
            dataset=settings.dataset or self._template.text,
            min_zoom=settings.min_zoom,
            max_zoom=settings.max_zoom,
            bounds_deg=settings.bounds,
            tile_size_px=settings.tile_size,
            formats=(PictureFormat.JPEG,),
            attribution=settings.attribution,
            bulk_download=self._site.bulk_download,
            notes=self._notes,
        )

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield a result for each wanted tile: of a batch, those that the inventory settles before the others.

        The inventory is asked between two tiles, in the same thread: transfers under way wait for its answer in the
        sockets' buffers. Raises ``DownloadError`` when the service refuses, isn't trusted, can't be asked for its
        inventory, or answers nothing of use for a while.
        """
        sieve = Sieve(wanted, self._inventory, self._context)
        while not sieve.exhausted and not self._context.cancelled.is_set():
            with contextlib.closing(self._engine.fetch(sieve.let_through(), self._request)) as results:
                for result in results:
                    yield from sieve.take_settled()
                    yield sieve.dated(result)
            yield from sieve.take_settled()

    def close(self) -> None:
        """Nothing is held between two fetches."""

    def _request(self, tile: WantedTile) -> Request:
        return Request(self._template.url(tile.id))


def _base_address(url: str) -> str:
    """Return the service's base address, without a slash at its end."""
    if "{" in url or "}" in url:
        raise ConfigError(
            "satellite.url has a placeholder in it, and is the service's base address",
            hint="Write the path of a tile into satellite.tiles_path.",
        )
    check_address(url, setting="satellite.url")
    if "?" in url:
        raise ConfigError("satellite.url has a query in it, and is the service's base address")
    return url.rstrip("/")


def _template(base: str, tiles_path: str) -> UrlTemplate:
    template = parse_url_template(base + tiles_path, setting="satellite.tiles_path")
    if template.wants_key:
        raise ConfigError(
            "satellite.tiles_path has {api_key}, and this provider sends its key in a header",
            hint="Set satellite.api_key, and satellite.api_key_header where it is not 'Authorization: Bearer'.",
        )
    return template


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of the settings."""
    return SatelliteSettings


@hookimpl.make_tile_provider
def make_tile_provider(settings: PluginSettings, context: RunContext) -> SatelliteProvider:
    """Return the provider. Raises ``ConfigError`` when the settings don't make sense."""
    assert isinstance(settings, SatelliteSettings)
    return SatelliteProvider(settings, context)
