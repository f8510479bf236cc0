"""What a flight source says in words is bounded where it enters, and can be written down."""

from __future__ import annotations

import msgspec
import pytest

from operator_tool.api import PluginError
from operator_tool.build_cache.resolve import resolve_flight
from tests.support.memory import FLIGHT, MemorySource


def test_names_of_a_flight_are_cut() -> None:
    """They go into every report, log and manifest."""
    odd = msgspec.structs.replace(FLIGHT, id="i" * 10**6, name="n" * 10**6, source="s" * 10**6)
    flight = resolve_flight(MemorySource(odd), "f")
    assert [len(text) for text in (flight.id, flight.name, flight.source)] == [500, 500, 500]


@pytest.mark.parametrize("field", ["id", "name", "source"])
def test_half_a_character_is_no_text(field: str) -> None:
    """No report could be made of it."""
    odd = msgspec.structs.replace(FLIGHT, **{field: "\ud800"})
    with pytest.raises(PluginError, match="text that is none"):
        resolve_flight(MemorySource(odd), "f")
