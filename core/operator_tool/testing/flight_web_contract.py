"""What holds for a flight source that asks a web service, besides what holds for every flight source."""

from __future__ import annotations

import dataclasses
import functools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import pytest

from operator_tool.api import (
    Deadline,
    FlightError,
    FlightFormatError,
    FlightNotFoundError,
    FlightRefusedError,
    OperatorToolError,
    RunContext,
)

from .flight_asking import Asking, brief, expect, resolve
from .flight_contract import ROUTE, FlightSourceContract, Position
from .in_time import one_answer
from .left_open import LeftOpen
from .making import Make, MakeHost, Options
from .plugin_contract import close_object
from .said import Said
from .services.flight_service import (
    ENDLESS_BYTES,
    Document,
    FlightAnswer,
    FlightRequest,
    FlightService,
    running_service,
)

_HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
_WRONG_BODIES: dict[str, FlightAnswer] = {
    "a web page": FlightAnswer(body=_HTML, media_type="text/html; charset=utf-8"),
    "a web page that says it is JSON": FlightAnswer(body=_HTML),
    "nothing": FlightAnswer(body=b""),
    "null": FlightAnswer(body=b"null"),
    "a number": FlightAnswer(body=b"7"),
    "an object without anything": FlightAnswer(body=b"{}"),
    "nested without end": FlightAnswer(body=b"[" * 100_000),
    "bytes that are no text": FlightAnswer(body=b'{"id": "\xff\xfe\x00"}'),
}
_WRONG_POSITIONS: dict[str, Position] = {
    "a latitude of 91": (91.0, 8.0, 10.0),
    "a longitude of -181": (47.0, -181.0, 10.0),
    "a latitude that is no number": (float("nan"), 8.0, 10.0),
    "a longitude without end": (47.0, float("inf"), 10.0),
}


class WebFlightSourceContract(FlightSourceContract):
    """Checks of a flight source that asks a service of flights; the kit plays the service.

    Override ``plugin_options`` (give the plugin ``flight_service.url`` and ``flight_service.token``) and
    ``flight_payload``: how your service spells a flight.
    """

    asks_at_most: ClassVar[int] = 10
    """How many requests a service that fails for ever may get for one flight."""

    @pytest.fixture
    def flight_payload(self) -> Callable[[str, Sequence[Position]], Any]:
        """Spells a flight as the service does: from its id and its waypoints, bytes or what JSON can spell."""
        pytest.fail(
            "override the fixture flight_payload: a function that takes a flight's id and (latitude, longitude, "
            "altitude) triples, and returns what your service would send, as bytes or as what JSON can spell"
        )

    @pytest.fixture
    def flight_document(self, flight_payload: Callable[[str, Sequence[Position]], Any]) -> Document:
        """Spells a document by its address too; override it where a flight needs more than one request."""
        return lambda _path, flight_id, waypoints: flight_payload(flight_id, waypoints)

    @pytest.fixture
    def flight_service(self, flight_document: Document) -> Iterator[FlightService]:
        """The service; it finds a flight by its id anywhere in the address, and has a ``url`` and a ``token``."""
        with running_service(flight_document) as running:
            yield running

    @pytest.fixture
    def reference_to(self, flight_service: FlightService) -> Callable[[Sequence[Position]], str]:
        """Files a flight of these waypoints with the service, and returns its id."""
        return flight_service.file

    @pytest.fixture
    def unknown_reference(self) -> str:
        """An id that the service does not know."""
        return "kit-no-such-flight"

    @pytest.fixture
    def impatient_options(self) -> Options:
        """Settings with which the plugin gives a silent service up within a second or two; none: as it is set."""
        return {}

    @pytest.fixture
    def use(
        self, make_host: MakeHost, flight_service: FlightService, flight_reference: str
    ) -> Callable[[Options, RunContext, Said], None]:
        """Resolve from a service that answers, and from one that repeats in every answer all that it was sent."""

        def run(options: Options, context: RunContext, said: Said) -> None:
            with one_answer():
                made = make_host(options, context).flight_source(self.plugin)
                said.note("its repr", f"{made!r} {made}")
                said.note("the flight", repr(made.resolve(flight_reference)))
            for status in (200, 302, 401, 403, 404, 418):
                flight_service.answer(functools.partial(_repeating, status))
                try:
                    with one_answer():
                        said.note("the flight", repr(made.resolve(flight_reference)))
                except OperatorToolError as error:
                    said.note_error(f"an error after an answer {status}", error)
            close_object(made)

        return run

    @pytest.mark.parametrize("status", [401, 403])
    def test_tells_of_refused_credentials(
        self, made: Any, flight_service: FlightService, flight_reference: str, status: int
    ) -> None:
        """401 and 403 are ``FlightRefusedError`` (91), told at once: asking again could lock the account."""
        flight_service.answer(FlightAnswer(status=status, body=b'{"error": "no"}'))
        error = self.error_of(made, flight_reference, (FlightRefusedError,), f"an answer {status}")
        assert not error.retryable, f"an answer {status}: the same key is refused the next time; retryable=False"
        self.asked_once(flight_service, f"an answer {status}")

    def test_tells_of_an_unknown_flight(self, made: Any, flight_service: FlightService, flight_reference: str) -> None:
        """404 is ``FlightNotFoundError`` (92), told at once."""
        flight_service.answer(FlightAnswer(status=404, body=b"not found", media_type="text/plain"))
        self.error_of(made, flight_reference, (FlightNotFoundError,), "an answer 404")
        self.asked_once(flight_service, "an answer 404")

    def test_waits_as_the_service_asks(self, made: Any, flight_service: FlightService, flight_reference: str) -> None:
        """After 429 with Retry-After it asks again no sooner, and gets the flight, or says that a rerun may."""
        flight_service.answer_once(FlightAnswer(status=429, headers={"Retry-After": "1"}))
        found = resolve(made, flight_reference, budget_s=self.budget_s)
        first, *others = [request.at_s for request in flight_service.requests]
        assert all(at_s - first >= 0.95 for at_s in others), (
            f"asked to wait 1 s, it asked again after {others[0] - first:.2f} s: honour Retry-After"
        )
        if found.error is not None:
            _check_retryable(found.error, "an answer 429")

    def test_does_not_wait_for_an_hour(
        self, make: Make, context: RunContext, flight_service: FlightService, flight_reference: str
    ) -> None:
        """Where the service asks for a wait that nobody would wait for, that is told, and not waited for."""
        flight_service.answer(FlightAnswer(status=429, headers={"Retry-After": "3600"}))
        made = make(context=context)
        asking = Asking(made, flight_reference)
        asking.thread.join(self.budget_s)
        waits = asking.thread.is_alive()
        context.cancelled.set()
        asking.thread.join(self.budget_s)
        assert not waits, (
            f"told by 429 to wait for an hour, resolve() was still waiting after {self.budget_s:g} s: raise "
            "FlightError, and name when to come again"
        )
        _check_retryable(asking.resolved().error, "an answer 429 with Retry-After: 3600")

    @pytest.mark.parametrize("failure", ["503", "dropped"])
    def test_asks_again_after_one_failure(
        self, made: Any, flight_service: FlightService, flight_reference: str, failure: str
    ) -> None:
        """One answer of 5xx, or one connection that broke, is no reason to give up."""
        flight_service.answer_once(_failing(failure))
        found = resolve(made, flight_reference, budget_s=self.budget_s)
        assert found.error is None, (
            f"after a single failure ({failure}) resolve() raised {found.error!r}: ask once more, a little later"
        )

    @pytest.mark.parametrize("failure", ["500", "dropped"])
    def test_gives_up_on_a_service_that_keeps_failing(
        self, made: Any, flight_service: FlightService, flight_reference: str, failure: str
    ) -> None:
        """A service that goes on failing is a ``FlightError`` (90) that a rerun may mend, after few requests."""
        flight_service.answer(_failing(failure))
        what = f"a service that always fails ({failure})"
        _check_retryable(self.error_of(made, flight_reference, (FlightError,), what), what)
        assert len(flight_service.requests) <= self.asks_at_most, (
            f"{what} was asked {len(flight_service.requests)} times, and may be asked {self.asks_at_most} times"
        )

    def test_tells_of_a_service_that_is_not_there(
        self, made: Any, flight_service: FlightService, flight_reference: str
    ) -> None:
        """A refused connection is a ``FlightError`` (90) that a rerun may mend."""
        flight_service.close()
        _check_retryable(self.error_of(made, flight_reference, (FlightError,), "no connection"), "no connection")

    def test_gives_up_on_a_silent_service(
        self, make: Make, plugin_options: Options, impatient_options: Options, flight_service: FlightService,
        flight_reference: str,
    ) -> None:  # fmt: skip
        """A service that never answers is a ``FlightError`` (90), after a time that the plugin sets itself."""
        flight_service.answer(FlightAnswer(silent=True))
        made = make({**plugin_options, **impatient_options})
        what = "a service that says nothing"
        _check_retryable(self.error_of(made, flight_reference, (FlightError,), what), what)

    @pytest.mark.parametrize("how", ["silent", "dripping"])
    def test_ends_by_the_deadline_of_the_run(
        self, make: Make, context: RunContext, flight_service: FlightService, flight_reference: str, how: str
    ) -> None:
        """No wait goes beyond ``context.deadline``, neither for the first byte nor for the last."""
        flight_service.answer(FlightAnswer(silent=how == "silent", dripping=how == "dripping"))
        made = make(context=dataclasses.replace(context, deadline=Deadline.after(0.5)))
        asking = Asking(made, flight_reference)
        asking.thread.join(0.5 + self.gives_up_within_s)
        late = asking.thread.is_alive()
        context.cancelled.set()
        flight_service.close()
        asking.thread.join(self.budget_s)
        assert not late, (
            f"{self.gives_up_within_s:g} s after the run's deadline resolve() still waited for a service that is "
            f"{how}: "
            "bound every wait by context.deadline.remaining_s(...), and the whole answer too, not only each piece of it"
        )
        error = asking.resolved().error
        assert isinstance(error, FlightError), f"past the run's deadline, resolve() raised {error!r}"

    def test_ends_when_given_up_while_it_waits(
        self, make: Make, context: RunContext, flight_service: FlightService, flight_reference: str
    ) -> None:
        """Once ``context.cancelled`` is set while the service is silent, ``resolve`` ends within a second."""
        made = make(context=context)
        open_now = LeftOpen()
        asked = threading.Event()

        def silent(_request: FlightRequest) -> FlightAnswer:
            asked.set()
            return FlightAnswer(silent=True)

        flight_service.answer(silent)
        asking = Asking(made, flight_reference)
        assert asked.wait(self.budget_s), f"resolve() asked for nothing within {self.budget_s:g} s"
        context.cancelled.set()
        asking.thread.join(self.gives_up_within_s)
        late = asking.thread.is_alive()
        flight_service.close()
        asking.thread.join(self.budget_s)
        assert not late, (
            f"{self.gives_up_within_s:g} s after context.cancelled was set resolve() still waited for the service: "
            "wait in steps and look at it, or close the connection from another thread"
        )
        error = asking.resolved().error
        assert isinstance(error, OperatorToolError), f"given up, resolve() gave {error!r}"
        assert not (left := open_now.since()), f"given up, resolve() leaves {', '.join(left[:5])}"

    @pytest.mark.parametrize("what", _WRONG_BODIES)
    def test_refuses_what_is_no_flight(
        self, made: Any, flight_service: FlightService, flight_reference: str, what: str
    ) -> None:
        """An answer that is no flight is ``FlightFormatError`` (93), and asking again would not mend it."""
        flight_service.answer(_WRONG_BODIES[what])
        error = self.error_of(made, flight_reference, (FlightFormatError,), f"an answer 200 with {what}")
        assert not error.retryable, f"an answer 200 with {what}: raise FlightFormatError with retryable=False"

    def test_refuses_half_a_flight(self, made: Any, flight_service: FlightService, flight_reference: str) -> None:
        """Half of what the service sends, as if that were all, is ``FlightFormatError`` (93)."""

        def halved(request: FlightRequest) -> FlightAnswer:
            whole = flight_service.ordinary(request)
            return dataclasses.replace(whole, body=whole.body[: len(whole.body) // 2])

        flight_service.answer(halved)
        self.error_of(made, flight_reference, (FlightFormatError,), "half of a flight")

    def test_refuses_an_answer_that_is_cut(
        self, made: Any, flight_service: FlightService, flight_reference: str
    ) -> None:
        """A connection that breaks within the flight, each time, is a ``FlightError`` of 90 or 93, and no flight."""
        flight_service.answer(lambda request: dataclasses.replace(flight_service.ordinary(request), cut=True))
        self.error_of(made, flight_reference, (FlightError, FlightFormatError), "an answer that is cut")

    @pytest.mark.parametrize("what", _WRONG_POSITIONS)
    def test_refuses_what_is_no_place(
        self, made: Any, reference_to: Callable[[Sequence[Position]], str], what: str
    ) -> None:
        """A waypoint that lies nowhere on Earth is ``FlightFormatError`` (93): nobody flies there."""
        reference = reference_to([*ROUTE[:2], _WRONG_POSITIONS[what]])
        self.error_of(made, reference, (FlightFormatError,), f"a waypoint with {what}")

    def test_stops_reading_an_endless_answer(
        self, make: Make, context: RunContext, flight_service: FlightService, flight_reference: str
    ) -> None:
        """An answer that never ends is given up before it fills the memory."""
        flight_service.answer(lambda request: dataclasses.replace(flight_service.ordinary(request), endless=True))
        made = make(context=dataclasses.replace(context, deadline=Deadline.after(self.budget_s)))
        found = resolve(made, flight_reference, budget_s=self.budget_s + self.gives_up_within_s)
        assert isinstance(found.error, FlightError), f"an answer without an end gave {brief(found)}"
        assert flight_service.sent_bytes < ENDLESS_BYTES, (
            f"of an answer without an end {flight_service.sent_bytes:,} bytes were read: stop at a limit, such as 8 MB"
        )

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_takes_its_credentials_to_no_other_host(
        self, made: Any, flight_service: FlightService, flight_document: Document, flight_reference: str, status: int
    ) -> None:
        """A redirect to another host is not followed with the token: whoever answers there could keep it."""
        with running_service(flight_document) as elsewhere:
            elsewhere.file(ROUTE)
            where = f"http://localhost:{elsewhere.port}/{flight_reference}"
            flight_service.answer(FlightAnswer(status=status, headers={"Location": where}))
            found = resolve(made, flight_reference, budget_s=self.budget_s)
            took_along = [request for request in elsewhere.requests if request.bears(flight_service.token)]
        assert not took_along, (
            f"redirected to another host by {status}, the plugin took its token along: don't follow redirects "
            "across hosts"
        )
        assert found.error is None or isinstance(found.error, FlightError), f"a redirect raised {found.error!r}"

    def error_of(
        self, source: Any, reference: str, kinds: tuple[type[FlightError], ...], what: str
    ) -> OperatorToolError:
        """Return the error of exactly one of these classes; fails the test for any other end."""
        error: OperatorToolError = expect(source, reference, kinds, what=what, budget_s=self.budget_s)
        return error

    def asked_once(self, service: FlightService, what: str) -> None:
        """Fail the test where any address was asked for more than once."""
        paths = [request.path for request in service.requests]
        assert len(paths) == len(set(paths)), f"{what} is final, and was asked for {len(paths)} times"


def _failing(failure: str) -> FlightAnswer:
    return FlightAnswer(dropped=True) if failure == "dropped" else FlightAnswer(status=int(failure), body=b"oh no")


def _repeating(status: int, request: FlightRequest) -> FlightAnswer:
    """Return an answer that holds all that was sent, as the error pages of some frameworks do."""
    sent = {"path": request.path, **request.headers}
    return FlightAnswer(status=status, body=json.dumps(sent).encode(), headers={"Location": "http://localhost:9/"})


def _check_retryable(error: OperatorToolError | None, what: str) -> None:
    assert isinstance(error, FlightError), f"{what}: resolve() gave {error!r}, expected FlightError (90)"
    assert error.exit_code == FlightError.exit_code, f"{what}: resolve() raised {error!r}, expected FlightError (90)"
    assert error.retryable, f"{what}: a rerun may well get the flight; don't say retryable=False"
