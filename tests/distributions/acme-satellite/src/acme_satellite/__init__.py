"""ACME's satellite imagery: one function per tile; pool, retry and pacing come from operator-tool's api."""

from collections.abc import Iterator
from typing import Annotated

import httpx
from operator_tool import api


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    url: Annotated[str, api.Meta(description="The service's address, without the path.")]
    api_key: Annotated[api.Secret, api.Meta(description="The bearer token.")]
    timeout_s: Annotated[float, api.Meta(gt=0, le=300, description="How long one request may take.")] = 20.0


class Satellite:
    def __init__(self, settings: Settings, context: api.RunContext) -> None:
        self._url, self._context = settings.url, context
        headers = {"Authorization": f"Bearer {settings.api_key.reveal()}"}
        self._client = httpx.Client(headers=headers, timeout=settings.timeout_s)

    def describe(self) -> api.ProviderInfo:
        return api.ProviderInfo(dataset=self._url, min_zoom=10, max_zoom=19, attribution="© ACME")

    def fetch(self, wanted: Iterator[api.WantedTile]) -> Iterator[api.TileResult]:
        run = self._context
        return api.fetch_in_pool(self._one, wanted, cancelled=run.cancelled, deadline=run.deadline)

    def _one(self, tile: api.WantedTile) -> api.TileResult:
        try:
            answer = self._client.get(f"{self._url}/tiles/{tile.id}")
        except httpx.TransportError as error:
            raise api.TryAgainError(f"{type(error).__name__} from the satellite service") from error
        if answer.status_code == 200:
            return api.Tile(tile.id, answer.content, etag=answer.headers.get("ETag"))
        if answer.status_code == 404:
            return api.Absent(tile.id)
        if answer.status_code in (401, 403):
            raise api.DownloadError("the satellite service refused the api key", retryable=False)
        wait_s = api.retry_after_s(answer.headers.get("Retry-After"))
        raise api.TryAgainError(f"the satellite service answered {answer.status_code}", pause_s=wait_s)

    def close(self) -> None:
        self._client.close()


@api.hookimpl.plugin_settings
def plugin_settings() -> type[api.PluginSettings]:
    return Settings


@api.hookimpl.make_tile_provider
def make_tile_provider(settings: Settings, context: api.RunContext) -> Satellite:
    return Satellite(settings, context)
