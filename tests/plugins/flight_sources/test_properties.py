"""Whatever the bytes, a parser gives a valid flight or raises its own error; ``nox -s fuzz`` asks for longer."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_tool.api import FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources._payload import parse_flight
from operator_tool_plugins.flight_sources._strict_json import parse_json
from tests.fuzz.mutation import mutated
from tests.plugins.flight_sources.missions import MISSIONS
from tests.plugins.flight_sources.promises import check, read_or_refuse

SEED = 6
ROUNDS = 1500
STARTS = (
    b"",
    b"{",
    b"QGC WPL 110\n",
    b'{"fileType":',
    b"<kml>",
    b"<gpx ",
    b"PK\x03\x04",
    b"latitude,longitude\n",
    b"\xff\xfe<\0",
)
quick = settings(max_examples=400, deadline=None, derandomize=True, database=None)


def answered_or_refused(data: bytes) -> bool:
    """Read as a service's answer; True when a flight came of it."""
    try:
        check(parse_flight(parse_json(data), source="test"))
    except (FlightFormatError, NoRouteError) as error:
        assert error.message.isprintable()  # noqa: PT017 - any refusal is right that can be shown
        return False
    return True


@pytest.mark.parametrize("name", MISSIONS)
def test_the_samples_are_valid(name: str) -> None:
    """Else the mutations below would start from rubbish."""
    assert all(read_or_refuse(data) for data in MISSIONS[name])


@quick
@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    """Bytes of no format at all, and such that begin like one."""
    for start in STARTS:
        read_or_refuse(start + data)
        answered_or_refused(start + data)


@pytest.mark.parametrize("name", MISSIONS)
def test_missions_that_were_changed_at_random(name: str) -> None:
    """A seeded second or two of what the fuzzer does: some are flights still, most are refused, and nothing else is."""
    chance = random.Random(SEED)
    read = 0
    for _ in range(ROUNDS):
        data = mutated(chance.choice(MISSIONS[name]), chance)
        read += read_or_refuse(data)
        if name == "flight-json":
            answered_or_refused(data)
    assert ROUNDS / 20 < read < ROUNDS * 19 / 20
