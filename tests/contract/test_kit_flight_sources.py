"""The built-in flight sources keep to the contract that the kit holds everybody's to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from operator_tool.testing import FlightSourceContract, WebFlightSourceContract
from operator_tool.testing.flight_contract import Position
from operator_tool.testing.making import Options
from operator_tool.testing.services.flight_service import Document, FlightService


class TestFile(FlightSourceContract):
    """A file of this machine; each format has tests of its own."""

    plugin = "file"

    @pytest.fixture
    def reference_to(self, tmp_path: Path) -> Callable[[Sequence[Position]], str]:
        """Writes a file in QGC's WPL, which every planner writes."""

        def write(waypoints: Sequence[Position]) -> str:
            path = tmp_path / "flights" / f"{len(waypoints)}.waypoints"
            path.parent.mkdir(exist_ok=True)
            lines = [
                f"{number}\t0\t3\t16\t0\t0\t0\t0\t{lat!r}\t{lon!r}\t{alt!r}\t1"
                for number, (lat, lon, alt) in enumerate([(0.0, 0.0, 0.0), *waypoints])
            ]
            path.write_text("\n".join(["QGC WPL 110", *lines, ""]))
            return str(path)

        return write

    @pytest.fixture
    def unknown_reference(self, tmp_path: Path) -> str:
        """A path at which nothing is."""
        return str(tmp_path / "no-such.plan")


class TestApi(WebFlightSourceContract):
    """A service that gives a flight in one document."""

    plugin = "api"

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


@pytest.mark.nightly
class TestApiWithWaypointsApart(TestApi):
    """A service that gives the waypoints in a document of their own, and spells them otherwise."""

    @pytest.fixture
    def plugin_options(self, flight_service: FlightService) -> Options:
        """How it spells them."""
        return {
            "base_url": f"{flight_service.url}/v2",
            "api_key": flight_service.token,
            "waypoints_path": "/flights/{id}/waypoints",
            "ordinal_field": "seq",
            "lat_field": "position.latitude",
            "lon_field": "position.longitude",
        }

    @pytest.fixture
    def flight_document(self) -> Document:
        """Spells the one or the other."""

        def document(path: str, flight_id: str, waypoints: Sequence[Position]) -> Any:
            if not path.endswith("/waypoints"):
                return {"id": flight_id, "name": "Ridge"}
            return [
                {"seq": number, "position": {"latitude": lat, "longitude": lon}, "alt_m": alt}
                for number, (lat, lon, alt) in enumerate(waypoints)
            ]

        return document
