"""Tiles by a URL template over http, ``https://tiles.example.com/{z}/{x}/{y}.jpg``, or by a TileJSON document."""

from __future__ import annotations

from collections.abc import Iterator
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
)

from ._http.address import check_address, check_for_credentials
from ._http.engine import HttpEngine
from ._http.exchange import Request
from ._http.extent import Extent, check_extent, extent_hint, extent_of
from ._http.foreign_spellings import other_brackets
from ._http.settings import TileServerSettings
from ._http.site import Site
from ._http.tilejson import TileJson, read_tilejson
from ._http.url_template import UrlTemplate, parse_url_template
from ._projection import check_said, said_of_address
from ._sample_tile import kind_of_name, not_pictures

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


class XyzProvider:
    """Asks one server for one picture a tile."""

    def __init__(self, settings: XyzSettings, context: RunContext) -> None:
        self._settings = settings
        check_extent(settings, name="xyz")
        wants_key = _API_KEY in settings.url
        if wants_key and settings.api_key is None:
            raise ConfigError("xyz.url has {api_key}, and xyz.api_key is not set")
        self._template: UrlTemplate | None = None
        self._notes: tuple[str, ...] = ()
        if _is_template(settings.url):
            self._template = parse_url_template(settings.url, setting="xyz.url", subdomains=settings.subdomains)
            self._notes = self._checked_tiles(settings.url)
            check_for_credentials(settings.url, setting="xyz.url", public=settings.public_url)
            first, *more = self._template.samples()
            self._site = Site.of("xyz", first, settings, key_in_url=wants_key, also=more)
        else:
            if hint := other_brackets(settings.url):
                raise ConfigError("xyz.url is written as another program writes it", hint=hint)
            check_address(settings.url, setting="xyz.url")
            self._site = Site.of("xyz", settings.url, settings, key_in_url=wants_key)
        self._engine = HttpEngine(self._site, settings, context)
        self._document: TileJson | None = None

    def describe(self) -> ProviderInfo:
        """Return what the settings say, or what the server's TileJSON does. Asks the server in that case only."""
        settings = self._settings
        template = self._templates()[0]
        document = self._document
        announced = Extent()
        if document is not None:
            announced = Extent(min_zoom=document.minzoom, max_zoom=document.maxzoom, bounds_deg=document.bounds)
        extent = extent_of(settings, announced, name="xyz")
        return ProviderInfo(
            dataset=settings.dataset or (settings.url if document is not None else template.text),
            min_zoom=extent.min_zoom,
            max_zoom=extent.max_zoom,
            bounds_deg=extent.bounds_deg,
            extent_hint=extent_hint("xyz") if document is not None else "",
            tile_size_px=settings.tile_size or (document.tile_size_px if document else None) or 256,
            attribution=settings.attribution or (document.attribution if document else ""),
            version=document.version if document else "",
            bulk_download=self._site.bulk_download,
            notes=document.notes if document else self._notes,
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
            self._document = read_tilejson(
                reply,
                host=self._site.host,
                setting="xyz.url",
                projection=self._settings.projection,
                tile_size_px=self._settings.tile_size,
            )
        return tuple(self._checked(one) for one in self._document.tiles)

    def _checked_tiles(self, url: str) -> tuple[str, ...]:
        """Return what is to be noted of the operator's template; raise ``ConfigError`` for what can't be used."""
        kind = kind_of_name(url)
        if kind is not None:
            raise not_pictures("what xyz.url names", kind, choose="a server")
        return check_said(
            said_of_address(url), of="xyz.url", setting="xyz.projection", answer=self._settings.projection
        )

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
