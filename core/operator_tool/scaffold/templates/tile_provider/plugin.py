"""Tile provider {{name}}: the tiles of an HTTP service, one function per tile.

Pool, retries, pacing and a server's wish to be left alone for a while are ``api.fetch_in_pool``'s; what an answer's
status means is ``api.tile_of_answer``'s.
"""

from collections.abc import Iterator
from typing import Annotated

import httpx
from operator_tool import api

requires_contract = ">={{contract}},<2"


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    """Where the service is, and who asks."""

    url: Annotated[
        str,
        api.Meta(
            description="The service's address, up to the tiles' numbers; https, or http on this machine.",
            pattern=r"^(https://|http://(127\.0\.0\.1|localhost|\[::1\])(:|/|$))",
        ),
    ]
    api_key: Annotated[api.Secret, api.Meta(description="The bearer token.")]
    connections: Annotated[int, api.Meta(description="How many tiles are asked for at once.", ge=1, le=32)] = 8
    timeout_s: Annotated[float, api.Meta(description="How long the service may be silent.", gt=0, le=300)] = 20.0


class Provider:
    """Gives the tiles of one service."""

    def __init__(self, settings: Settings, context: api.RunContext) -> None:
        self._settings, self._context = settings, context
        self._url = settings.url.rstrip("/")
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {settings.api_key.reveal()}", "User-Agent": context.user_agent},
            timeout=settings.timeout_s,
            limits=httpx.Limits(max_connections=settings.connections),
        )

    def describe(self) -> api.ProviderInfo:
        """Say which data these are; another ``dataset`` is another cache."""
        return api.ProviderInfo(dataset=self._url, max_zoom=20, attribution="© the owner of the imagery")

    def fetch(self, wanted: Iterator[api.WantedTile]) -> Iterator[api.TileResult]:
        """Yield one result for each wanted tile, in the order in which they come."""
        return api.fetch_in_pool(
            self._one,
            wanted,
            connections=self._settings.connections,
            cancelled=self._context.cancelled,
            deadline=self._context.deadline,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _one(self, tile: api.WantedTile) -> api.TileResult:
        """Ask for one tile, in a thread of the pool."""
        headers = {"If-None-Match": tile.etag} if tile.etag else {}
        try:
            answer = self._client.get(f"{self._url}/{tile.id.z}/{tile.id.x}/{tile.id.y}", headers=headers)
        except httpx.TransportError as error:
            raise api.TryAgainError(f"{type(error).__name__} from the tile service") from error
        return api.tile_of_answer(tile, answer.status_code, answer.headers, answer.content)


@api.hookimpl.plugin_settings
def plugin_settings() -> type[api.PluginSettings]:
    """Return the class of the settings."""
    return Settings


@api.hookimpl.make_tile_provider
def make_tile_provider(settings: Settings, context: api.RunContext) -> Provider:
    """Return the provider; nothing is opened yet."""
    return Provider(settings, context)
