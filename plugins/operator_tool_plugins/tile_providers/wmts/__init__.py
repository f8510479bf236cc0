"""Tiles of a WMTS 1.0.0 (OGC 07-057r7), by what it announces of itself: one layer in Web Mercator."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from operator_tool.api import (
    Absent,
    ConfigError,
    Corrupt,
    DownloadError,
    PluginSettings,
    ProviderInfo,
    RunContext,
    TileResult,
    WantedTile,
    hookimpl,
    is_credential_name,
    looks_made_by_chance,
)

from .._http.address import check_address
from .._http.engine import HttpEngine
from .._http.exchange import Reply, Request
from .._http.extent import Extent, check_extent, extent_hint, extent_of
from .._http.refusal import Doubtful
from .._http.site import Site
from .capabilities import MAX_BYTES, Capabilities, read_capabilities
from .choice import Choice, choose
from .exception_report import exception_report
from .server_words import ServerWords
from .settings import WmtsSettings
from .tile_address import API_KEY, TileAddress, capabilities_url, tile_address
from .xml_parts import BadXmlError

_MOST_WAITING = 1_000
_OF_THE_SERVER = frozenset({401, 402, 403, 407, 429, 451, 503})
"""Refused, or too much to do: what these say is not of the tile, whatever comes with them."""


class _Service(msgspec.Struct, frozen=True):
    """What is asked for, and where."""

    choice: Choice
    address: TileAddress
    provider_name: str


class WmtsProvider:
    """Asks one service for the tiles of one layer."""

    def __init__(self, settings: WmtsSettings, context: RunContext) -> None:
        check_extent(settings, name="wmts")
        self._settings = settings
        self._context = context
        in_url = API_KEY in settings.url
        if in_url and settings.api_key is None:
            raise ConfigError("wmts.url has {api_key}, and wmts.api_key is not set")
        parts = check_address(settings.url, setting="wmts.url")
        if "{" in settings.url.replace(API_KEY, "") or "{" in parts.netloc:
            raise ConfigError(
                "wmts.url has a placeholder in it other than {api_key} after the host",
                hint="Give the address of the service or of its capabilities; for a template there is --provider xyz.",
            )
        for name, value in settings.dimensions.items():
            if is_credential_name(name) or (looks_made_by_chance(value) and not settings.public_url):
                raise ConfigError(
                    f"wmts.dimensions has a value for {name!r} that looks like a credential",
                    hint="Write it into wmts.url as NAME={api_key} and set wmts.api_key_file, or set"
                    " wmts.public_url=true where it is no secret.",
                )
        self._site = Site.of("wmts", settings.url, settings, key_in_url=in_url)
        self._words = ServerWords(settings.api_key)
        self._engine = HttpEngine(self._site, settings, context)
        self._service: _Service | None = None

    def describe(self) -> ProviderInfo:
        """Return what the service announces of the layer that the settings name.

        Raises ``DownloadError`` when its capabilities can't be had, ``ConfigError`` when they can't be used.
        """
        service = self._announced()
        choice = service.choice
        grid = choice.grid
        announced = Extent(min_zoom=min(grid.zooms), max_zoom=max(grid.zooms), bounds_deg=choice.layer.bounds_deg)
        extent = extent_of(self._settings, announced, name="wmts")
        note = f"The matrix set {self._words.quoted(grid.name)}: {self._words.safe(grid.note, limit=200)}."
        return ProviderInfo(
            dataset=self._settings.dataset or self._dataset(choice),
            min_zoom=max(extent.min_zoom, announced.min_zoom),
            max_zoom=min(extent.max_zoom, announced.max_zoom),
            bounds_deg=extent.bounds_deg,
            extent_hint=extent_hint("wmts"),
            tile_size_px=grid.tile_size_px,
            formats=choice.picture_formats,
            attribution=self._settings.attribution or service.provider_name,
            bulk_download=self._site.bulk_download,
            notes=(note,) if grid.note else (),
        )

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield results as they come in; what lies outside of the layer's limits is absent without a request.

        Raises ``DownloadError`` when the service refuses what every tile has in common, and as ``xyz`` does.
        """
        service = self._announced()
        zooms, address, key = service.choice.grid.zooms, service.address, self._site.quoted_key
        outside: list[TileResult] = []
        more = True

        def inside() -> Iterator[WantedTile]:
            nonlocal more
            for tile in wanted:
                matrix = zooms.get(tile.id.z)
                if matrix is not None and matrix.has(tile.id.x, tile.id.y):
                    yield tile
                    continue
                outside.append(Absent(tile.id, "outside of the limits of the service"))
                if len(outside) >= _MOST_WAITING:
                    return  # the stream of requests ends, these are said, and another begins
            more = False

        def request_of(tile: WantedTile) -> Request:
            return Request(address.url(zooms[tile.id.z].name, tile.id.x, tile.id.y, key))

        while more and not self._context.cancelled.is_set():
            yield from self._engine.fetch(inside(), request_of, self._judge)
            yield from outside
            outside.clear()

    def close(self) -> None:
        """Nothing is held between two fetches."""

    def _announced(self) -> _Service:
        if self._service is None:
            capabilities = self._capabilities()
            choice = choose(capabilities, self._settings, host=self._site.host, words=self._words)
            address = tile_address(choice, capabilities, url=self._settings.url, site=self._site, words=self._words)
            self._service = _Service(choice, address, self._words.safe(capabilities.provider_name, limit=200))
        return self._service

    def _capabilities(self) -> Capabilities:
        host = self._site.host
        url = capabilities_url(self._settings.url).replace(API_KEY, self._site.quoted_key)
        reply = self._engine.get(Request(url), max_bytes=MAX_BYTES)
        report = exception_report(reply)
        if report is not None:
            raise DownloadError(
                f"{host} answered an exception instead of its capabilities: {self._words.safe(str(report), limit=300)}",
                hint="Check wmts.url.",
                retryable=False,
            )
        if reply.status != 200:
            raise DownloadError(f"{host} answered HTTP {reply.status} instead of its capabilities")
        if reply.body is None:
            raise ConfigError(
                f"the capabilities of {host} are longer than {MAX_BYTES >> 20} MiB",
                hint="Give the address of a part of the service, such as one workspace.",
            )
        try:
            return read_capabilities(reply.body)
        except BadXmlError as error:
            raise ConfigError(
                f"what {host} sent is no capabilities document of a WMTS 1.0.0: {error}",
                hint="Check that wmts.url is the address of a WMTS or of its capabilities document.",
            ) from None

    def _dataset(self, choice: Choice) -> str:
        names = [choice.layer.name, choice.style, choice.grid.name, choice.media_type]
        names += [f"{name}={value}" for name, value in choice.dimensions.items()]
        return ":".join(["wmts", self._settings.url, *(self._words.safe(name, limit=256) for name in names)])

    def _judge(self, tile: WantedTile, reply: Reply) -> TileResult | Doubtful:
        """Return what a reply says of a tile: as web servers mean it, and as a WMTS does in its exceptions."""
        report = exception_report(reply)
        if report is None or reply.status in _OF_THE_SERVER:
            return self._engine.judge(tile, reply)
        if report.says_no_such_tile:
            return Absent(tile.id, "the service says that it is out of range")
        said = self._words.safe(str(report), limit=300)
        if report.is_of_every_tile:
            raise DownloadError(
                f"{self._site.host} refused the request for a tile (HTTP {reply.status}): {said}",
                hint="Check wmts.layer, wmts.style, wmts.format and wmts.dimensions.",
                retryable=False,
            )
        if reply.status in (200, 400):
            return Corrupt(tile.id, f"an exception instead of a picture (HTTP {reply.status}): {said}")
        return self._engine.judge(tile, reply)


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of the settings."""
    return WmtsSettings


@hookimpl.make_tile_provider
def make_tile_provider(settings: PluginSettings, context: RunContext) -> WmtsProvider:
    """Return the provider; nothing is asked yet. Raises ``ConfigError`` when the settings don't make sense."""
    assert isinstance(settings, WmtsSettings)
    return WmtsProvider(settings, context)
