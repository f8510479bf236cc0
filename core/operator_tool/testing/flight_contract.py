"""What holds for every flight source, wherever its flights come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from operator_tool.api import (
    Flight,
    FlightError,
    FlightFileError,
    FlightNotFoundError,
    FlightSource,
    NoRouteError,
    OperatorToolError,
    RunContext,
)

from .flight_asking import Asking, brief, expect, resolve
from .flight_promises import flight_problems
from .left_open import LeftOpen
from .making import Make
from .plugin_contract import FactoryContract

Position = tuple[float, float, float]
"""Latitude and longitude in degrees, WGS 84, and an altitude in metres."""

ROUTE: tuple[Position, ...] = (
    (47.055318712345678, 8.310426287654321, 60.25),
    (47.0580214, 8.3187341, 61.0),
    (-33.4489, -70.6693, 62.5),
    (0.0000001, 179.9999999, 63.0),
)
"""A short flight with positions of many digits on both halves of the globe."""
TOLERANCE_DEG = 1e-7
"""About a centimetre: what formats of whole numbers keep."""
SIDE_BY_SIDE = 32
MANY_WAYPOINTS = 10_000

ODD_REFERENCES = (
    "",
    " ",
    ".",
    "../../../etc/passwd",
    "kit\n\x1b[31mred\x1b[0m",
    "nul\x00byte",
    "half a pair \ud800",
    "?a=b&c=d#e",
    "%2e%2e%2f",
    "https://elsewhere.example/flights/1",
    "x" * 100_000,
)
"""What an operator's typing, a script or somebody else's file may hand over."""


class FlightSourceContract(FactoryContract):
    """Checks of a flight source; for one that asks a web service inherit ``WebFlightSourceContract`` instead.

    Override ``plugin_options``, ``reference_to`` and ``unknown_reference``.
    """

    role: ClassVar[str] = "flight_source"
    protocol: ClassVar[type] = FlightSource
    many_waypoints_s: ClassVar[float] = 5.0
    """How long ten thousand waypoints may take."""
    budget_s: ClassVar[float] = 30.0
    """How long anything at all may take, every retry included."""
    gives_up_within_s: ClassVar[float] = 1.0
    """How soon everything must be over once the run is given up."""

    @pytest.fixture
    def reference_to(self) -> Callable[[Sequence[Position]], str]:
        """Puts a flight of these waypoints where the source finds it, and returns its reference."""
        pytest.fail(
            "override the fixture reference_to: a function that takes (latitude, longitude, altitude) triples, writes "
            "such a flight where the source finds it, and returns what an operator would name it by"
        )

    @pytest.fixture
    def flight_reference(self, reference_to: Callable[[Sequence[Position]], str]) -> str:
        """The reference of a flight along ``ROUTE``."""
        return reference_to(ROUTE)

    @pytest.fixture
    def unknown_reference(self) -> str:
        """A reference of the ordinary kind for which there is no flight."""
        pytest.fail("override the fixture unknown_reference: what an operator might type and no flight is named by")

    @pytest.fixture
    def exercise(self, flight_reference: str) -> Callable[[Any], None]:
        """Resolve the flight."""
        return lambda made: made.resolve(flight_reference)

    def test_resolves_a_flight(self, made: Any, flight_reference: str) -> None:
        """The flight is one: positions finite and in range, ordinals contiguous from 0, texts that can be shown."""
        flight = self.resolved(made, flight_reference)
        assert not (problems := flight_problems(flight)), "; ".join(problems)

    def test_keeps_the_route(self, made: Any, flight_reference: str) -> None:
        """Each waypoint is where the source says, in its order: the takeoff origin is the first one, unrounded."""
        points = [(point.lat_deg, point.lon_deg) for point in self.resolved(made, flight_reference).waypoints]
        assert len(points) == len(ROUTE), f"a flight of {len(ROUTE)} waypoints came back with {len(points)}"
        for number, (found, (lat, lon, _alt)) in enumerate(zip(points, ROUTE, strict=True)):
            assert found == pytest.approx((lat, lon), abs=TOLERANCE_DEG, rel=0), (
                f"waypoint {number} is at {found}, and was written at {(lat, lon)}: keep the order, latitude before "
                "longitude, and every digit"
            )

    def test_resolves_the_same_flight_twice(self, make: Make, flight_reference: str) -> None:
        """The same reference gives an equal flight, again and from another object: a rerun must change nothing."""
        one, other = make(), make()
        first = self.resolved(one, flight_reference)
        for again in (self.resolved(one, flight_reference), self.resolved(other, flight_reference)):
            assert again == first, f"the same reference gave {brief(first)} and then {brief(again)}"

    def test_knows_what_it_does_not_have(self, made: Any, unknown_reference: str) -> None:
        """A reference without a flight is ``FlightNotFoundError`` (92), or ``FlightFileError`` (94) for a file."""
        error = expect(
            made,
            unknown_reference,
            (FlightNotFoundError, FlightFileError),
            what="a reference without a flight",
            budget_s=self.budget_s,
        )
        assert not error.retryable, "what is not there is not there the next time: raise it with retryable=False"

    def test_refuses_odd_references(self, made: Any) -> None:
        """Whatever the reference holds, what is refused is refused with a ``FlightError`` that can be shown."""
        for reference in ODD_REFERENCES:
            found = resolve(made, reference, budget_s=self.budget_s)
            if found.error is None:
                continue
            assert isinstance(found.error, FlightError), f"the reference {reference[:80]!r} raised {found.error!r}"
            assert found.error.message.isprintable(), (
                f"the reference {reference[:80]!r} stands as it is in the message {found.error.message[:200]!a}: "
                "use escape_controls"
            )

    def test_refuses_a_flight_without_a_route(
        self, made: Any, reference_to: Callable[[Sequence[Position]], str]
    ) -> None:
        """A flight without a waypoint is ``NoRouteError`` (95), and no flight of none."""
        expect(made, reference_to(()), (NoRouteError,), what="a flight without a waypoint", budget_s=self.budget_s)

    def test_resolves_ten_thousand_waypoints(
        self, made: Any, reference_to: Callable[[Sequence[Position]], str]
    ) -> None:
        """A long flight resolves in bounded time, with all that it has."""
        route = [(47.0 + number * 1e-5, 8.0 + number * 1e-5, 100.0) for number in range(MANY_WAYPOINTS)]
        found = resolve(made, reference_to(route), budget_s=self.budget_s)
        assert found.flight is not None, f"a flight of {MANY_WAYPOINTS:,} waypoints raised {found.error!r}"
        assert len(found.flight.waypoints) == MANY_WAYPOINTS, (
            f"a flight of {MANY_WAYPOINTS:,} waypoints came back with {len(found.flight.waypoints):,}"
        )
        assert found.took_s <= self.many_waypoints_s, (
            f"{MANY_WAYPOINTS:,} waypoints took {found.took_s:.1f} s, and may take {self.many_waypoints_s:g} s"
        )

    def test_writes_nothing(
        self, make: Make, context: RunContext, flight_reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither the folder of its own nor the working folder holds anything after it: a plan writes nothing."""
        work = tmp_path / "working-folder"
        work.mkdir()
        monkeypatch.chdir(work)
        self.resolved(make(), flight_reference)
        folders = [context.state_dir, work, *([context.trust_dir] if context.trust_dir is not None else [])]
        found = [path for folder in folders if folder.exists() for path in folder.rglob("*")]
        assert not found, f"resolve() left {', '.join(map(str, found[:5]))}: a flight source writes nothing"

    def test_leaves_nothing_open(self, make: Make, flight_reference: str) -> None:
        """A flight source is not closed: once the flight is there, no thread, socket or file is left."""
        self.resolved(make(), flight_reference)  # what is imported or made once stays
        open_now = LeftOpen()
        made = make()
        self.resolved(made, flight_reference)
        assert not (left := open_now.since()), f"resolve() leaves {', '.join(left[:5])}: close it before it returns"

    def test_ends_when_the_run_is_given_up(self, make: Make, context: RunContext, flight_reference: str) -> None:
        """With ``context.cancelled`` set, ``resolve`` ends within a second, with the flight or a ``FlightError``."""
        made = make(context=context)
        context.cancelled.set()
        asking = Asking(made, flight_reference)
        asking.thread.join(self.gives_up_within_s)
        assert not asking.thread.is_alive(), f"given up, resolve() had not ended after {self.gives_up_within_s:g} s"
        error = asking.resolved().error
        assert error is None or isinstance(error, FlightError), f"given up, resolve() raised {error!r}"

    def test_serves_32_side_by_side(
        self, make: Make, context: RunContext, reference_to: Callable[[Sequence[Position]], str]
    ) -> None:
        """32 sources in 32 threads resolve each its own flight: nothing of the module is shared unguarded."""
        routes = [ROUTE[number:] for number in range(len(ROUTE))]
        references = [reference_to(route) for route in routes]
        sources = [make(context=dataclasses.replace(context, run_id=f"run-{one}")) for one in range(SIDE_BY_SIDE)]
        asked = [Asking(source, references[one % len(routes)]) for one, source in enumerate(sources)]
        for one, asking in enumerate(asked):
            asking.thread.join(self.budget_s)
            assert not asking.thread.is_alive(), "some of 32 sources side by side never ended"
            found = asking.resolved()
            assert found.flight is not None, f"of 32 sources side by side, one raised {found.error!r}"
            points, wanted = len(found.flight.waypoints), len(routes[one % len(routes)])
            assert points == wanted, (
                f"of 32 sources side by side, one gave another's flight: {points} waypoints, expected {wanted}"
            )

    def resolved(self, source: Any, reference: str) -> Flight:
        """Return the flight; fails the test where there is none."""
        found = resolve(source, reference, budget_s=self.budget_s, ordinary=True)
        if found.flight is None:
            error = found.error
            assert isinstance(error, OperatorToolError)
            pytest.fail(f"resolve({brief(reference)}) raised {error!r}. {error.hint}", pytrace=False)
        return found.flight
