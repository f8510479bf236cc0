"""Tiles by a URL template over http, ``https://tiles.example.com/{z}/{x}/{y}.jpg``, or by a TileJSON document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from operator_tool.api import (
    MAX_ZOOM,
    ConfigError,
    Meta,
    PluginSettings,
    ProviderInfo,
    RunContext,
    TileResult,
    WantedTile,
    hookimpl,
)

from ._http.address import check_address
from ._http.engine import HttpEngine
from ._http.exchange import Request
from ._http.settings import TileServerSettings
from ._http.site import Site
from ._http.tilejson import TileJson, read_tilejson
from ._http.url_template import UrlTemplate, parse_url_template

_API_KEY = "{api_key}"


class XyzSettings(TileServerSettings, frozen=True, kw_only=True):
    """The settings of the provider ``xyz``."""

    url: Annotated[
        str,
        Meta(
            description="The tile's URL with the placeholders {z} {x} {y}, or {-y} for rows counted from the south, or"
            " {q} for a quadkey; {s} is a subdomain in turn, {api_key} the key. Or the address of a TileJSON document."
        ),
    ]
    subdomains: Annotated[tuple[str, ...], Meta(description="What {s} stands for, in turn.")] = ()
    tile_size: Annotated[
        Annotated[int, Meta(ge=64, le=2048)] | None,
        Meta(description="The tiles' width and height in pixels; 256 where no TileJSON says another."),
    ] = None
    min_zoom: Annotated[int, Meta(ge=0, le=MAX_ZOOM, description="The coarsest zoom that the server has.")] = 0
    max_zoom: Annotated[int, Meta(ge=0, le=MAX_ZOOM, description="The finest zoom that the server has.")] = MAX_ZOOM


class XyzProvider:
    """Asks one server for one picture a tile."""

    def __init__(self, settings: XyzSettings, context: RunContext) -> None:
        self._settings = settings
        if settings.min_zoom > settings.max_zoom:
            raise ConfigError(f"xyz.min_zoom is {settings.min_zoom}, above xyz.max_zoom, {settings.max_zoom}")
        wants_key = _API_KEY in settings.url
        if wants_key and settings.api_key is None:
            raise ConfigError("xyz.url has {api_key}, and xyz.api_key is not set")
        self._template: UrlTemplate | None = None
        if _is_template(settings.url):
            self._template = parse_url_template(settings.url, setting="xyz.url", subdomains=settings.subdomains)
            first, *more = self._template.samples()
            self._site = Site.of("xyz", first, settings, key_in_url=wants_key, also=more)
        else:
            check_address(settings.url, setting="xyz.url")
            self._site = Site.of("xyz", settings.url, settings, key_in_url=wants_key)
        self._engine = HttpEngine(self._site, settings, context)
        self._document: TileJson | None = None

    def describe(self) -> ProviderInfo:
        """Return what the settings say, or what the server's TileJSON does. Asks the server in that case only."""
        settings = self._settings
        template = self._templates()[0]
        document = self._document
        return ProviderInfo(
            dataset=settings.dataset or (settings.url if document is not None else template.text),
            min_zoom=max(settings.min_zoom, document.minzoom) if document else settings.min_zoom,
            max_zoom=min(settings.max_zoom, document.maxzoom) if document else settings.max_zoom,
            bounds_deg=document.bounds if document else None,
            tile_size_px=settings.tile_size or (document.tileSize if document else None) or 256,
            attribution=settings.attribution or (document.attribution or "" if document else ""),
            version=(document.version or "") if document else "",
            bulk_download=self._site.bulk_download,
        )

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield results as they come in.

        Raises ``DownloadError`` when the server refuses, isn't trusted, redirects to another host, or answers nothing
        of use for a while: then asking on would take hours to say the same.
        """
        keyed = [(template, self._key_for(template)) for template in self._templates()]

        def request_of(tile: WantedTile) -> Request:
            template, key = keyed[(tile.id.x + tile.id.y) % len(keyed)]
            return Request(template.url(tile.id, key))

        return self._engine.fetch(wanted, request_of)

    def close(self) -> None:
        """Nothing is held between two fetches."""

    def _templates(self) -> tuple[UrlTemplate, ...]:
        if self._template is not None:
            return (self._template,)
        url = self._settings.url
        if self._document is None:
            reply = self._engine.get(Request(url.replace(_API_KEY, self._site.quoted_key)))
            self._document = read_tilejson(reply, host=self._site.host, setting="xyz.url")
        return tuple(self._checked(one) for one in self._document.tiles)

    def _key_for(self, template: UrlTemplate) -> str:
        """Return what ``{api_key}`` stands for: the key on the site's own hosts, nothing on one that is only listed."""
        own = all(map(self._site.is_own, template.samples()))
        return self._site.quoted_key if own else ""

    def _checked(self, text: str) -> UrlTemplate:
        """Return a template that the server gave, if the tool may talk to whom it names."""
        template = parse_url_template(text, setting=f"the tiles of {self._site.host}'s TileJSON", from_server=True)
        foreign = [sample for sample in template.samples() if not self._site.allows(sample)]
        if foreign:
            raise ConfigError(
                f"the TileJSON of {self._site.host} names tiles on another host",
                hint="List that host in xyz.redirect_hosts, if it is to be trusted with the requests; it gets no key.",
            )
        return template


def _is_template(url: str) -> bool:
    """Say whether an address is meant as a template: a TileJSON's has no placeholder but the key's."""
    return "{" in url.replace(_API_KEY, "") or "}" in url.replace(_API_KEY, "")


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of the settings."""
    return XyzSettings


@hookimpl.make_tile_provider
def make_tile_provider(settings: PluginSettings, context: RunContext) -> XyzProvider:
    """Return the provider. Raises ``ConfigError`` when the settings don't make sense."""
    assert isinstance(settings, XyzSettings)
    return XyzProvider(settings, context)
