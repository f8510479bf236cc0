"""What a flight's source draws besides, and the plan doesn't cover, is a warning by its name."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from operator_tool.api import AreaKind, AreaRequest, BuildCacheRequest, LeftOut, PluginError, ProviderInfo
from operator_tool.build_cache.plan import CachePlan, make_plan
from operator_tool.build_cache.resolve import resolve_flight
from tests.core.build_cache.test_plausibility import flight_of, near

ROUTE = near((47.0, 8.0), 12)
PROVIDERS = [("p", ProviderInfo(dataset="d"))]


def plan_of(*left_out: LeftOut, metres: float = 300.0) -> CachePlan:
    """Return the plan of a route eastwards, some 800 m long, with this left out."""
    flight = flight_of(ROUTE, left_out=left_out)
    request = BuildCacheRequest(flight="f", zooms=(16,), area=AreaRequest(kind=AreaKind.CORRIDOR, metres=metres))
    return make_plan(flight, request, PROVIDERS)


@pytest.mark.parametrize(
    ("places", "is_line", "warned"),
    [
        (((47.0, 8.005),), False, False),
        (((47.03, 8.005),), False, True),
        (((47.0, 8.0), (47.0, 8.011)), True, False),
        (((47.0, 8.0), (47.0, 8.011), (47.03, 8.0)), False, True),
        (((47.0, 8.0), (47.03, 8.005), (47.0, 8.011)), True, True),
        (((47.0, 8.005), (47.0, 8.006)), True, False),
        (((89.9, 8.0),), False, True),
        ((), True, False),
    ],
)
def test_what_lies_outside_of_the_planned_tiles_is_warned_of(
    places: Sequence[tuple[float, float]], is_line: bool, warned: bool
) -> None:
    """By the name that its source gave it; it stops no plan."""
    plan = plan_of(LeftOut(name="the track 'T' (line 9)", places=tuple(places), is_line=is_line))
    assert [finding.severe for finding in plan.findings] == [False] * warned
    assert all("the track 'T' (line 9)" in warning for warning in plan.warnings)


def test_a_line_is_looked_at_between_its_places_too() -> None:
    """Both ends lie on the route, and what is between them goes around the earth, or far around the route's bow."""
    bow = [(47.0, 8.0), (47.1, 8.05), (47.0, 8.1)]
    flight = flight_of(bow, left_out=(LeftOut(name="chord", places=(bow[0], bow[2]), is_line=True),))
    request = BuildCacheRequest(flight="f", zooms=(15,), area=AreaRequest(kind=AreaKind.CORRIDOR, metres=100.0))
    assert len(make_plan(flight, request, PROVIDERS).findings) == 1


def test_many_of_them_take_a_second_and_a_few_lines() -> None:
    """The rest is counted; a line around the earth is looked at by its corners."""
    round_the_earth = tuple((47.0, -180.0 + step * 90.0) for step in range(4))
    many = [LeftOut(name=f"line {i}", places=round_the_earth, is_line=True) for i in range(500)]
    started = time.monotonic()
    assert len(plan_of(*many).findings) == 21
    assert time.monotonic() - started < 20.0


def test_a_place_that_is_none_is_the_sources_fault() -> None:
    """As a waypoint's is."""

    class Source:
        def resolve(self, reference: str) -> object:
            return flight_of(ROUTE, left_out=(LeftOut(name="x", places=((float("nan"), 8.0),)),))

    with pytest.raises(PluginError):
        resolve_flight(Source(), "f")  # type: ignore[arg-type]
