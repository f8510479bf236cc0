"""operator-tool's conformance kit on {{name}}; the kit plays the flight service."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from operator_tool.testing import WebFlightSourceContract


class TestFlights(WebFlightSourceContract):
    """Flights, an operator's settings, and a service that misbehaves in every way."""

    plugin = "{{name}}"

    @pytest.fixture
    def plugin_options(self, flight_service: Any) -> dict[str, Any]:
        """Settings as an operator gives them, with the kit's service in place of yours."""
        return {"url": flight_service.url, "api_key": flight_service.token}

    @pytest.fixture
    def impatient_options(self) -> dict[str, Any]:
        """Soon tired of a service that says nothing."""
        return {"timeout_s": 0.2}

    @pytest.fixture
    def flight_payload(self) -> Callable[[str, Sequence[tuple[float, float, float]]], Any]:
        """A flight as your service spells it."""
        return lambda flight_id, waypoints: {
            "id": flight_id,
            "title": "Survey",
            "points": [{"latitude": lat, "longitude": lon, "height": alt} for lat, lon, alt in waypoints],
        }
