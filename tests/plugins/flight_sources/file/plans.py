"""Reads samples of QGroundControl's files as the reader itself does, and gives what it says."""

from __future__ import annotations

import pytest

from operator_tool.api import FlightFormatError
from operator_tool_plugins.flight_sources._strict_json import parse_json
from operator_tool_plugins.flight_sources.file.found import Found
from operator_tool_plugins.flight_sources.file.qgc_plan import read_plan
from tests.plugins.flight_sources.samples import Json, encoded, plan


def read(document: object) -> Found:
    """What a plan holds."""
    return read_plan(parse_json(encoded(document)))


def read_items(*items: Json) -> Found:
    """What a plan with these mission items holds."""
    return read(plan(*items))


def refusal(document: object) -> str:
    """The message with which a plan is refused."""
    with pytest.raises(FlightFormatError) as caught:
        read(document)
    assert caught.value.hint
    return str(caught.value.message)


def complex_item(kind: str, version: int | None, **more: object) -> Json:
    """A complex item of this kind."""
    named = {} if version is None else {"version": version}
    return {"type": "ComplexItem", "complexItemType": kind, **named, **more}
