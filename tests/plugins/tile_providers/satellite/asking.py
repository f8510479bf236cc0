"""Asking a satellite service that runs on the loopback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from operator_tool.api import Event, RunContext, TileId, TileResult, WantedTile
from operator_tool_plugins.tile_providers import satellite
from tests.support.satellite_service import Asked, SatelliteService

TOKEN = "canary-key-7f3a/&="
CONTEXT = RunContext(run_id="r", state_dir=Path("unused"), user_agent="operator-tool/test")


def provider(
    service: SatelliteService, *, context: RunContext = CONTEXT, **settings: Any
) -> satellite.SatelliteProvider:
    """Return a provider that asks this service."""
    return satellite.make_tile_provider(satellite.SatelliteSettings(url=service.url, **settings), context)


def noting(events: list[Event]) -> RunContext:
    """Return a context that collects what a provider emits."""
    return RunContext(run_id="r", state_dir=Path("unused"), emit=events.append)


def tile(number: int) -> TileId:
    """Return one of many tiles of a row."""
    return TileId(18, number, 7)


def wanted(numbers: Iterable[int], etag: str | None = None) -> Iterator[WantedTile]:
    """Yield wanted tiles of that row."""
    for number in numbers:
        yield WantedTile(tile(number), etag)


def fetch(service: SatelliteService, numbers: Iterable[int] = range(1), **settings: Any) -> list[TileResult]:
    """Return all results for some tiles, from a provider of its own."""
    return list(provider(service, **settings).fetch(wanted(numbers)))


def counts(service: SatelliteService) -> list[int]:
    """Return how many tiles each call of the inventory was about."""
    return [len(body_of(asked)["tiles"]) for asked in service.inventory_calls]


def forms(service: SatelliteService) -> list[str]:
    """Return which name each call of the inventory had for the zoom."""
    return [next(iter(body_of(asked)["tiles"][0])) for asked in service.inventory_calls]


def body_of(asked: Asked) -> Any:
    """Return the JSON that was posted."""
    return msgspec.json.decode(asked.body)
