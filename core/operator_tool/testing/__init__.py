"""The conformance kit: inherit a contract, name the plugin, override fixtures, and let pytest tell what is missing.

    from operator_tool.testing import WebTileProviderContract

    class TestAcme(WebTileProviderContract):
        plugin = "acme-satellite"

        @pytest.fixture
        def plugin_options(self, tile_service):
            return {"url": tile_service.url, "api_key": tile_service.token}

A contract is imported when it is asked for: pytest loads this package in every run of whoever has operator-tool
installed, and most of those test something else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .flight_contract import FlightSourceContract
    from .flight_web_contract import WebFlightSourceContract
    from .listener_contract import ListenerContract
    from .plugin_contract import FactoryContract, PluginContract
    from .provisioner_contract import ProvisionerContract
    from .tile_contract import TileProviderContract
    from .tile_web_contract import WebTileProviderContract
    from .transport_contract import CompanionTransportContract, LinkedTransportContract

_MODULES = {
    "CompanionTransportContract": "transport_contract",
    "FactoryContract": "plugin_contract",
    "FlightSourceContract": "flight_contract",
    "LinkedTransportContract": "transport_contract",
    "ListenerContract": "listener_contract",
    "PluginContract": "plugin_contract",
    "ProvisionerContract": "provisioner_contract",
    "TileProviderContract": "tile_contract",
    "WebFlightSourceContract": "flight_web_contract",
    "WebTileProviderContract": "tile_web_contract",
}

__all__ = [
    "CompanionTransportContract",
    "FactoryContract",
    "FlightSourceContract",
    "LinkedTransportContract",
    "ListenerContract",
    "PluginContract",
    "ProvisionerContract",
    "TileProviderContract",
    "WebFlightSourceContract",
    "WebTileProviderContract",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(_MODULES)
