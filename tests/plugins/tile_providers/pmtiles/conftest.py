"""What the tests of the provider ``pmtiles`` share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from operator_tool_plugins.tile_providers._http import engine, pace
from tests.plugins.tile_providers.pmtiles.archives import archive_of, jpegs
from tests.plugins.tile_providers.pmtiles.asking import ranges
from tests.support.tile_server import TileServer, tile_server


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that the engine chooses itself are a thousand times shorter; those that a server asks for are not."""
    monkeypatch.setattr(engine, "_FIRST_BACKOFF_S", 0.000_25)
    monkeypatch.setattr(pace, "_FIRST_BACKOFF_S", 0.000_05)


@pytest.fixture
def server() -> Iterator[TileServer]:
    """A server of one archive, until it is scripted otherwise."""
    with tile_server(ranges(archive_of(jpegs()))) as running:
        yield running
