"""The test classes that look at the twins of flight sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from operator_tool.testing import WebFlightSourceContract
from operator_tool.testing.flight_contract import Position
from operator_tool.testing.making import Options
from operator_tool.testing.services.flight_service import FlightService
from tests.core.testing.twins.flight_twins import TWINS


class FlightTwins(WebFlightSourceContract):
    """For twins of a source that asks a service."""

    @pytest.fixture
    def plugin_options(self, flight_service: FlightService) -> Options:
        """Where the service is, and its token."""
        return {"base_url": flight_service.url, "api_key": flight_service.token}

    @pytest.fixture
    def impatient_options(self) -> Options:
        """Half a second is enough."""
        return {"read_timeout_s": 0.5}

    @pytest.fixture
    def flight_payload(self) -> Callable[[str, Sequence[Position]], Any]:
        """Spells a flight as the tool's own flight JSON."""
        return lambda flight_id, waypoints: {
            "id": flight_id,
            "waypoints": [
                {"ordinal": number, "lat": lat, "lon": lon, "alt_m": alt}
                for number, (lat, lon, alt) in enumerate(waypoints)
            ],
        }


def classes(names: Sequence[str], *, hurried: bool) -> dict[str, type]:
    """Return a test class for each of these twins; what is only to save time is only so where it is hurried."""
    limits = {name: {k: v for k, v in TWINS[name].limits.items() if hurried or k != "budget_s"} for name in names}
    return {
        f"Test{name}": type(
            f"Test{name}",
            (FlightTwins,),
            {"plugin": f"twin-{name.replace('_', '-')}", "fails": TWINS[name].fails, **limits[name]},
        )
        for name in names
    }
