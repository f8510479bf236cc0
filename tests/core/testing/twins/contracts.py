"""The test classes that look at the twins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType

import pytest

from operator_tool.api import TileId
from operator_tool.testing import TileProviderContract
from tests.core.testing.twins.tile_twins import LACKED, TILES
from tests.core.testing.twins.twin import twins_of


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


def classes_of(module: ModuleType, base: type) -> dict[str, type]:
    """Return a test class for each twin of a module."""
    classes = {}
    for plugin, twin in twins_of(module).items():
        body = {"plugin": plugin, "fails": twin.fails, **twin.more}
        if twin.options is not None:
            body["plugin_options"] = pytest.fixture(_given(twin.options))
        name = "Test" + plugin.title().replace("-", "")
        classes[name] = type(name, (base,), body)
    return classes


def _given(options: Mapping[str, object]) -> Callable[[object], Mapping[str, object]]:
    def plugin_options(_self: object) -> Mapping[str, object]:
        return options

    return plugin_options
