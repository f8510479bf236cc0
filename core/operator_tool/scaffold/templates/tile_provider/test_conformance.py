"""operator-tool's conformance kit on {{name}}; the kit plays the tile service."""

from typing import Any, ClassVar

import pytest
from operator_tool.testing import WebTileProviderContract


class TestProvider(WebTileProviderContract):
    """Tiles, an operator's settings, and a service that misbehaves in every way."""

    plugin = "{{name}}"
    connections: ClassVar[int] = 8

    @pytest.fixture
    def plugin_options(self, tile_service: Any) -> dict[str, Any]:
        """Settings as an operator gives them, with the kit's service in place of yours."""
        return {"url": tile_service.url, "api_key": tile_service.token}

    @pytest.fixture
    def impatient_options(self, plugin_options: dict[str, Any]) -> dict[str, Any]:
        """The same, soon tired of a service that says nothing."""
        return {**plugin_options, "timeout_s": 0.2}
