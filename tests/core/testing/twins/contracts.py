"""The test classes that look at the twins."""

from __future__ import annotations

from types import ModuleType

import pytest

from operator_tool.api import TileId
from operator_tool.testing import TileProviderContract, WebTileProviderContract
from operator_tool.testing.making import Options
from operator_tool.testing.services.tile_service import TileService
from tests.core.testing.twins.tile_twins import LACKED, TILES
from tests.core.testing.twins.twin import twins_of
from tests.core.testing.twins.web_twins import CONNECTIONS


class TileTwins(TileProviderContract):
    """For twins that hold their tiles in memory."""

    @pytest.fixture
    def present_tiles(self) -> tuple[TileId, ...]:
        """What a twin holds."""
        return TILES

    @pytest.fixture
    def absent_tile(self) -> TileId | None:
        """What it doesn't."""
        return LACKED


class WebTwins(WebTileProviderContract):
    """For twins that ask a web service."""

    connections = CONNECTIONS

    @pytest.fixture
    def plugin_options(self, tile_service: TileService) -> Options:
        """The service's address and key."""
        return {"url": tile_service.url, "api_key": tile_service.token}

    @pytest.fixture
    def impatient_options(self, plugin_options: Options) -> Options:
        """With little time for one request."""
        return {**plugin_options, "timeout_s": 0.1}


def classes_of(module: ModuleType, base: type) -> dict[str, type]:
    """Return a test class for each twin of a module."""
    return {
        (name := "Test" + plugin.title().replace("-", "")): type(
            name, (base,), {"plugin": plugin, "fails": twin.fails, **twin.more}
        )
        for plugin, twin in twins_of(module).items()
    }
