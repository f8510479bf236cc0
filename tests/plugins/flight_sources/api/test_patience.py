"""When the service is asked again, how long is waited, and when it ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from email.utils import formatdate
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from operator_tool.api import Deadline, FlightError, RunContext
from operator_tool_plugins.flight_sources.api import ApiSettings
from operator_tool_plugins.flight_sources.api.retrying import asked_wait_s
from operator_tool_plugins.flight_sources.api.source import ApiFlightSource
from tests.plugins.flight_sources.api.services import NOW_S, Service
from tests.plugins.flight_sources.samples import encoded, payload, waypoint
from tests.plugins.flight_sources.scripted_server import Script, ScriptedServer, answer, json_answer

GOOD = json_answer(payload(waypoint(0)))


def reset(connection: socket.socket, _closing: threading.Event) -> None:
    """Begin an answer and reset the connection in the middle of its body."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def slow(connection: socket.socket, closing: threading.Event, head: bytes) -> None:
    """Send a head and then a byte at a time, for ever."""
    connection.sendall(head)
    while not closing.wait(0.02):
        connection.sendall(b" ")


def slow_body(connection: socket.socket, closing: threading.Event) -> None:
    slow(connection, closing, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")


def slow_head(connection: socket.socket, closing: threading.Event) -> None:
    slow(connection, closing, b"HTTP/1.1 200 OK\r\nX-Slow: ")


def silent(connection: socket.socket, closing: threading.Event) -> None:
    closing.wait(10)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_case_004_a_5xx_is_asked_again_once(status: int) -> None:
    """After a pause with jitter."""
    with ScriptedServer(answer(status=status), GOOD) as server:
        service = Service(server.url)
        assert service.source.resolve("F-12").id == "F-12"
    assert len(server.requests) == 2
    assert [0.5 <= wait_s <= 1.5 for wait_s in service.waits_s] == [True]


def test_case_004_a_service_that_keeps_failing_is_asked_no_more() -> None:
    """Two requests, and the operator is told that another run may help."""
    with ScriptedServer(answer(status=503), answer(status=500)) as server, pytest.raises(FlightError) as caught:
        Service(server.url).source.resolve("F-12")
    assert len(server.requests) == 2
    assert caught.value.message.endswith(": answered 503; asked again: answered 500")
    assert (caught.value.exit_code, caught.value.retryable) == (90, True)


@pytest.mark.parametrize("statuses", [(502, 503), (500,) * 10])
def test_case_004_one_retry_is_all_there_is(statuses: tuple[int, ...]) -> None:
    """The contract's rule: what comes right at the third try is for the operator's next run."""
    with ScriptedServer(*(answer(status=status) for status in statuses), GOOD) as server:
        with pytest.raises(FlightError) as caught:
            Service(server.url).source.resolve("F-12")
        assert (len(server.requests), caught.value.retryable) == (2, True)
        if len(statuses) == 2:
            assert Service(server.url).source.resolve("F-12").id == "F-12"


def test_case_004_a_broken_connection_and_a_5xx_share_the_retry() -> None:
    """One retry of a request, whatever went wrong with it."""
    with ScriptedServer(reset, answer(status=500), GOOD) as server, pytest.raises(FlightError, match="answered 500"):
        Service(server.url).source.resolve("F-12")
    assert len(server.requests) == 2


def test_each_of_a_flights_requests_has_its_retry() -> None:
    """A service that fails now and then still gives both documents."""
    scripts = (answer(status=500), GOOD, answer(status=502), GOOD)
    with ScriptedServer(*scripts) as server:
        Service(server.url, waypoints_path="/flights/{id}/waypoints").source.resolve("F-12")
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "broken",
    [reset, answer(encoded(payload(waypoint(0))), length=5000), lambda *_: None],
    ids=["reset", "short body", "no answer"],
)
def test_case_005_a_broken_answer_is_asked_for_again_and_never_parsed(broken: Script) -> None:
    """The short body here is whole JSON, and is not believed all the same."""
    with ScriptedServer(broken, GOOD) as server:
        Service(server.url).source.resolve("F-12")
    assert len(server.requests) == 2
    with ScriptedServer(broken) as server, pytest.raises(FlightError) as caught:
        Service(server.url).source.resolve("F-12")
    assert len(server.requests) == 2
    assert (type(caught.value), caught.value.retryable) == (FlightError, True)


def test_a_service_that_is_not_there_is_retryable() -> None:
    """Nothing listens on that port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    service = Service(f"http://127.0.0.1:{port}")
    with pytest.raises(FlightError, match="asked again") as caught:
        service.source.resolve("F-12")
    assert (type(caught.value), caught.value.retryable, len(service.waits_s)) == (FlightError, True, 1)
    assert caught.value.message.endswith(f":{port}: connection refused; asked again: the same")


@pytest.mark.parametrize("script", [slow_body, slow_head])
def test_case_009_a_slow_loris_meets_the_whole_requests_deadline(script: Script) -> None:
    """Every byte comes in time and the answer never does; it is not asked again."""
    with ScriptedServer(script) as server, pytest.raises(FlightError, match=r"no whole answer within 1 s") as caught:
        Service(server.url, request_timeout_s=1.0, read_timeout_s=30.0).source.resolve("F-12")
    assert len(server.requests) == 1
    assert caught.value.retryable


def test_a_silent_service_meets_the_silence_deadline() -> None:
    """Asked again once, as after a broken connection."""
    with ScriptedServer(silent) as server, pytest.raises(FlightError, match="silent for too long"):
        Service(server.url, read_timeout_s=0.1).source.resolve("F-12")


def test_a_run_that_is_given_up_is_not_waited_for() -> None:
    """The request ends though the service would go on for ever."""
    context = RunContext(run_id="test", state_dir=Path("unused"))

    def give_up(connection: socket.socket, closing: threading.Event) -> None:
        context.cancelled.set()
        slow_body(connection, closing)

    with ScriptedServer(give_up) as server, pytest.raises(FlightError, match="the run was given up"):
        Service(server.url, context=context).source.resolve("F-12")


def test_a_flight_is_asked_for_inside_a_running_loop() -> None:
    """As in a notebook, or in a service of the operator's own."""

    async def resolve() -> str:
        return Service(server.url).source.resolve("F-12").id

    with ScriptedServer(GOOD) as server:
        assert asyncio.run(resolve()) == "F-12"


def test_an_interrupt_ends_the_request_at_once() -> None:
    """What a signal's handler raises comes through, and no thread is left behind."""

    class Interrupted(BaseException):
        """What the handler raises."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted

    def signalled(connection: socket.socket, closing: threading.Event) -> None:
        ident = threading.main_thread().ident
        assert ident is not None
        signal.pthread_kill(ident, signal.SIGUSR1)
        slow_body(connection, closing)

    before = signal.signal(signal.SIGUSR1, interrupt)
    began_s = time.monotonic()
    try:
        with ScriptedServer(signalled) as server, pytest.raises(Interrupted):
            Service(server.url, request_timeout_s=20).source.resolve("F-12")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert time.monotonic() - began_s < 10
    assert [thread.name for thread in threading.enumerate() if thread.name == "flights-service"] == []


def test_a_name_that_nobody_answers_for_keeps_no_process_from_ending() -> None:
    """The look-up can't be broken off; its thread is let go, by the request and by the interpreter."""
    code = (
        "import socket, threading, pathlib\n"
        "socket.getaddrinfo = lambda *_, **__: threading.Event().wait(60)\n"
        "from operator_tool.api import FlightError, RunContext\n"
        "from operator_tool_plugins.flight_sources.api import ApiSettings, make_flight_source\n"
        "settings = ApiSettings(base_url='https://flights.example', request_timeout_s=0.2)\n"
        "try:\n"
        "    make_flight_source(settings, RunContext(run_id='t', state_dir=pathlib.Path('unused'))).resolve('F-12')\n"
        "except FlightError as error:\n"
        "    print(error.message)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "the flights service at https://flights.example: no whole answer within 0.2 s\n"
    assert ended.stderr == ""


def test_the_runs_deadline_ends_a_request_and_forbids_a_wait() -> None:
    """No wait goes beyond it, whatever the service asks for."""
    context = RunContext(run_id="test", state_dir=Path("unused"), deadline=Deadline.after(0.2))
    with (
        ScriptedServer(slow_body) as server,
        pytest.raises(FlightError, match="no whole answer before the run's deadline"),
    ):
        Service(server.url, context=context).source.resolve("F-12")
    context = RunContext(run_id="test", state_dir=Path("unused"), deadline=Deadline.after(5))
    with ScriptedServer(answer(status=429, retry_after="30")) as server:
        source = ApiFlightSource(ApiSettings(base_url=server.url), context)
        with pytest.raises(FlightError, match="deadline comes before the wait of 30 s"):
            source.resolve("F-12")


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": formatdate(NOW_S + 9, usegmt=True)}, 9),
        ({"retry_after": formatdate(5000, usegmt=True), "date": formatdate(4989, usegmt=True)}, 11),
        ({"retry_after": "-1"}, 1),
        ({"retry_after": "soon"}, 1),
        ({"retry_after": "0"}, 1),
        ({"retry_after": formatdate(NOW_S - 900, usegmt=True)}, 1),
        ({}, 1),
    ],
    ids=["seconds", "date", "date against the service's clock", "-1", "words", "0", "past date", "absent"],
)
def test_case_003_a_429_is_waited_for_as_the_service_asks(headers: dict[str, Any], wait_s: float) -> None:
    """In seconds or as a date, else by our own backoff; a service that says 0 is not hammered."""
    with ScriptedServer(answer(status=429, **headers), GOOD) as server:
        service = Service(server.url)
        service.source.resolve("F-12")
    assert service.waits_s == [wait_s]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("999999", "asks to wait 999,999 s, until 2027-01-26 21:46:39 UTC"),
        ("9" * 12, "asks to wait for more than a year"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "asks to wait for more than a year"),
        ("61", "asks to wait 61 s"),
    ],
)
def test_case_003_a_wait_beyond_the_budget_is_not_begun(asked: str, words: str) -> None:
    """The operator is told when to come back."""
    with ScriptedServer(answer(status=429, retry_after=asked)) as server:
        service = Service(server.url)
        with pytest.raises(FlightError, match="answered 429") as caught:
            service.source.resolve("F-12")
    assert service.waits_s == []
    assert words in caught.value.message
    assert "beyond the 60 s" in caught.value.message
    assert caught.value.retryable


@pytest.mark.parametrize("headers", [{"retry_after": "25"}, {"retry_after": "0"}, {}])
def test_case_003_the_waits_together_stay_within_the_budget(headers: dict[str, Any]) -> None:
    """However many times the service asks."""
    with ScriptedServer(answer(status=429, **headers)) as server:
        service = Service(server.url)
        with pytest.raises(FlightError, match="answered 429"):
            service.source.resolve("F-12")
    assert 30 < sum(service.waits_s) <= 60


@pytest.mark.parametrize("text", ["", "1e3", "7.5", "٧", "9" * 13, "Thu, 99 Foo 2027 00:00:00 GMT", "0x10"])
def test_a_retry_after_that_cant_be_meant_is_none(text: str) -> None:
    """Then our own backoff counts."""
    assert asked_wait_s({"retry-after": text}, NOW_S) is None
