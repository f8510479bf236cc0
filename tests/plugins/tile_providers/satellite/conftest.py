"""What the tests of the provider ``satellite`` share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from operator_tool_plugins.tile_providers._http import engine, pace
from tests.support.satellite_service import SatelliteService, satellite_service


@pytest.fixture
def service() -> Iterator[SatelliteService]:
    """A service that holds every tile, of the newer form, until it is told otherwise."""
    with satellite_service() as running:
        yield running


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that the engine chooses itself are a thousand times shorter; those that a server asks for are not."""
    monkeypatch.setattr(engine, "_FIRST_BACKOFF_S", 0.000_25)
    monkeypatch.setattr(pace, "_FIRST_BACKOFF_S", 0.000_05)
