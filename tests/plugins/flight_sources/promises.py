"""What every flight promises, and every refusal, whatever the bytes were that it came of."""

from __future__ import annotations

from operator_tool.api import Flight, FlightError, FlightFormatError, NoRouteError
from operator_tool.build_cache.heights import heights_of
from operator_tool.build_cache.plausibility import findings_of
from operator_tool.testing.flight_promises import flight_problems
from operator_tool_plugins.flight_sources.file import FormatName, read_flight


def check(flight: Flight) -> None:
    """Hold a flight to the promises of its class, field by field."""
    problems = flight_problems(flight)
    assert not problems, "; ".join(problems)


def read_or_refuse(data: bytes, format_name: FormatName | None = None) -> bool:
    """Read a file's bytes; True when a flight came of them, False when they were refused in printable words.

    Whatever else is raised comes out: that is a fault. A flight is looked at as ``flights show`` does, too.
    """
    try:
        flight = read_flight(data, name="test", source="file:test", format_name=format_name)
    except (FlightFormatError, NoRouteError) as error:
        _check_refusal(error)
        return False
    check(flight)
    heights_of(flight)
    findings_of(flight)
    return True


def _check_refusal(error: FlightError) -> None:
    assert error.message
    assert error.message.isprintable(), ascii(error.message)
    assert len(error.message) < 1000
    assert error.hint.isprintable()
