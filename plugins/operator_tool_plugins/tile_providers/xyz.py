"""Tiles by a URL template over http: ``https://tiles.example.com/{z}/{x}/{y}.jpg``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Annotated

import msgspec

from operator_tool.api import (
    MAX_ZOOM,
    ConfigError,
    Meta,
    PluginSettings,
    ProviderInfo,
    RunContext,
    Secret,
    TileResult,
    WantedTile,
    fetch_in_pool,
    hookimpl,
)

from ._http.circuit_breaker import CircuitBreaker
from ._http.curl_client import CurlClient
from ._http.picture_reply import LONGEST_PAUSE_S, looks_like_html, tile_result
from ._http.url_template import UrlTemplate, parse_url_template

_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})


class XyzSettings(PluginSettings, frozen=True, kw_only=True):
    """The settings of the provider ``xyz``."""

    url: Annotated[
        str,
        Meta(
            description="The tile's URL with the placeholders {z} {x} {y}, or {-y} for rows counted from the south, or"
            " {q} for a quadkey; {s} is a subdomain in turn, {api_key} the key."
        ),
    ]
    subdomains: Annotated[tuple[str, ...], Meta(description="What {s} stands for, in turn.")] = ()
    api_key: Annotated[Secret | None, Meta(description="The key that the server asks for, if any.")] = None
    api_key_header: Annotated[
        str,
        Meta(
            description="The header that carries the key when the URL has no {api_key}: its name, a colon, and what"
            " stands before the key."
        ),
    ] = "Authorization: Bearer"
    headers: Annotated[dict[str, str], Meta(description="Further headers; none of them secret.")] = msgspec.field(
        default_factory=dict
    )
    # A browser opens six connections to a host, and public tile servers are run for browsers: eight are hardly more
    # than one person looking at a map. Who runs the server may ask for more.
    connections: Annotated[int, Meta(ge=1, le=64, description="How many tiles are asked for at once.")] = 8
    max_per_s: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="How many requests are started a second at most.")
    ] = None
    tile_size: Annotated[int, Meta(ge=64, le=2048, description="The tiles' width and height in pixels.")] = 256
    min_zoom: Annotated[int, Meta(ge=0, le=MAX_ZOOM, description="The coarsest zoom that the server has.")] = 0
    max_zoom: Annotated[int, Meta(ge=0, le=MAX_ZOOM, description="The finest zoom that the server has.")] = MAX_ZOOM
    attribution: Annotated[str, Meta(description="Whose imagery it is, for the report and the cache.")] = ""
    dataset: Annotated[
        str,
        Meta(
            description="Names the data behind the URL; the URL itself when empty. Change it when the imagery changed."
        ),
    ] = ""


class XyzProvider:
    """Asks one server for one picture a tile."""

    def __init__(self, settings: XyzSettings, context: RunContext) -> None:
        self._settings = settings
        self._context = context
        self._template = parse_url_template(settings.url, setting="xyz.url", subdomains=settings.subdomains)
        self._key = settings.api_key.reveal() if settings.api_key is not None else ""
        self._headers = _fixed_headers(settings, self._template)
        if settings.min_zoom > settings.max_zoom:
            raise ConfigError(f"xyz.min_zoom is {settings.min_zoom}, above xyz.max_zoom, {settings.max_zoom}")
        if self._template.wants_key and not self._key:
            raise ConfigError("xyz.url has {api_key}, and xyz.api_key is not set")
        if self._key and self._template.is_plain_http and not self._template.is_loopback:
            raise ConfigError(
                "xyz.url is plain http, and the key would be sent in the open",
                hint="Use https, or leave xyz.api_key out.",
            )

    def describe(self) -> ProviderInfo:
        """Return what the settings say; the server isn't asked."""
        return ProviderInfo(
            dataset=self._settings.dataset or self._template.text,
            min_zoom=self._settings.min_zoom,
            max_zoom=self._settings.max_zoom,
            tile_size_px=self._settings.tile_size,
            attribution=self._settings.attribution,
        )

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield results as they come in.

        Raises ``DownloadError`` when the server refuses, isn't trusted, redirects, or answers nothing of use for a
        while: then asking on would take hours to say the same.
        """
        ended = threading.Event()
        client = CurlClient(
            self._template.host,
            user_agent=self._context.user_agent,
            deadline=self._context.deadline,
            stopped=lambda: ended.is_set() or self._context.cancelled.is_set(),
        )
        breaker = CircuitBreaker(self._template.host, failures_in_a_row=8 * self._settings.connections)
        stream = fetch_in_pool(
            lambda tile: self._fetch_one(client, breaker, tile),
            wanted,
            connections=self._settings.connections,
            max_per_s=self._settings.max_per_s,
            pause_budget_s=LONGEST_PAUSE_S,
            cancelled=self._context.cancelled,
        )
        try:
            # Not "yield from": who closes this iterator must first stop the transfers, or the pool waits for them.
            for result in stream:  # noqa: UP028
                yield result
        finally:
            ended.set()
            stream.close()
            client.close()

    def close(self) -> None:
        """Nothing is held between two fetches."""

    def _fetch_one(self, client: CurlClient, breaker: CircuitBreaker, tile: WantedTile) -> TileResult:
        headers = self._headers
        if tile.etag is not None:
            headers = [*headers, b"If-None-Match: " + tile.etag.encode("latin-1")]
        with breaker:
            reply = client.get(self._template.url(tile.id, self._key), headers)
            result = tile_result(tile, reply, host=self._template.host)
        breaker.saw_html(looks_like_html(reply))
        return result


def _fixed_headers(settings: XyzSettings, template: UrlTemplate) -> list[bytes]:
    headers = dict(settings.headers)
    for name in headers:
        if name.lower() in _CREDENTIAL_HEADERS:
            raise ConfigError(
                f"xyz.headers has {name!r}, which carries a credential", hint="Set xyz.api_key and xyz.api_key_header."
            )
    if settings.api_key is not None and not template.wants_key:
        name, _, before = settings.api_key_header.partition(":")
        headers[name.strip()] = f"{before.strip()} {settings.api_key.reveal()}".strip()
    lines = []
    for name, value in headers.items():
        line = f"{name}: {value}"
        if not (line.isascii() and line.isprintable() and name):
            raise ConfigError(f"the header {name!r} of xyz can't be sent: only printable ASCII is")
        lines.append(line.encode("ascii"))
    return lines


@hookimpl
def plugin_settings() -> type[PluginSettings]:
    """Return the class of the settings."""
    return XyzSettings


@hookimpl
def make_tile_provider(settings: PluginSettings, context: RunContext) -> XyzProvider:
    """Return the provider. Raises ``ConfigError`` when the settings don't make sense."""
    assert isinstance(settings, XyzSettings)
    return XyzProvider(settings, context)
