"""The examples of the how-to guide are read as it says."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from operator_tool.api import AltitudeFrame, FlightFormatError
from tests.plugins.flight_sources.api.services import Service
from tests.plugins.flight_sources.samples import positions
from tests.plugins.flight_sources.scripted_server import ScriptedServer, json_answer

GUIDE = Path(__file__).parents[4] / "docs" / "how-to" / "use-a-flights-service.md"


def examples(language: str) -> list[str]:
    """Return the blocks of this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_flight_that_is_read_from_the_start() -> None:
    """Without a setting."""
    with ScriptedServer(json_answer(json.loads(examples("json")[0]))) as server:
        flight = Service(server.url).source.resolve("F-1042")
    assert (flight.name, len(flight.waypoints), flight.notes) == ("Ridge", 2, ())
    assert {waypoint.alt_frame for waypoint in flight.waypoints} == {AltitudeFrame.TAKEOFF}


def test_the_flight_whose_names_are_mapped() -> None:
    """With the settings beside it; and without one of them, the message that the guide quotes."""
    settings = tomllib.loads(examples("toml")[1])["api"]
    with ScriptedServer(json_answer(json.loads(examples("json")[1]))) as server:
        flight = Service(server.url, **settings).source.resolve("77")
        assert (flight.id, flight.name, positions(flight.waypoints)) == ("77", "Ridge", [(47.05, 8.31)])
        assert flight.waypoints[0].alt_m == 120
        with pytest.raises(FlightFormatError) as caught:
            Service(server.url, **{**settings, "lat_field": "position.lat"}).source.resolve("77")
    quoted = " ".join(GUIDE.read_text(encoding="utf-8").split())
    assert f"`{caught.value.message.partition(': ')[2]}`" in quoted
