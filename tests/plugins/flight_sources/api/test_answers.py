"""What the flights service answers becomes a flight, or an error of the class that says whose move it is."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
import zlib
from email.utils import formatdate
from typing import Any

import pytest

from operator_tool.api import (
    FlightError,
    FlightFormatError,
    FlightNotFoundError,
    FlightRefusedError,
    NoRouteError,
    Secret,
)
from tests.plugins.flight_sources.api.services import NOW_S, Service
from tests.plugins.flight_sources.samples import encoded, payload, positions, waypoint
from tests.plugins.flight_sources.scripted_server import Script, ScriptedServer, answer, json_answer

GOOD = json_answer(payload(waypoint(0, 48.123456789012345, 11.5)))


def failure(*scripts: Script) -> FlightError:
    """Return what resolving raises, after a check that no canary got into it."""
    with ScriptedServer(*scripts) as server:
        service = Service(server.url, api_key=Secret("canary-token-7341"))
        with pytest.raises(FlightError) as caught:
            service.source.resolve("F-12")
    assert "canary" not in f"{caught.value!r}{caught.value.message}{caught.value.hint}"
    assert caught.value.message.startswith(f"the flights service at {server.url}: ")
    caught.value.message = caught.value.message.removeprefix(f"the flights service at {server.url}: ")
    return caught.value


def test_a_flight_is_asked_for_and_read() -> None:
    """One GET with the token in a header, under the service's own base path."""
    with ScriptedServer(GOOD) as server:
        flight = Service(f"{server.url}/v2/", api_key=Secret("canary-token-7341")).source.resolve("F-12")
    assert flight.takeoff_origin.lat_deg == 48.123456789012345
    assert (flight.id, flight.source) == ("F-12", f"api:{server.url}")
    head = server.requests[0].lower()
    assert head.startswith("get /v2/flights/f-12 http/1.1\r\n")
    assert "authorization: bearer canary-token-7341\r\n" in head
    assert "accept-encoding: identity\r\n" in head
    assert "user-agent: operator-tool\r\n" in head
    assert len(server.requests) == 1


def test_without_a_token_no_authorization_is_sent() -> None:
    """Some services on a closed network need none."""
    with ScriptedServer(GOOD) as server:
        Service(server.url).source.resolve("F-12")
    assert "authorization" not in server.requests[0].lower()


@pytest.mark.parametrize(
    ("flight_id", "step"),
    [
        ("../admin", "..%2Fadmin"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("é", "%C3%A9"),
    ],
)
def test_case_016_the_id_is_one_quoted_step_of_the_path(flight_id: str, step: str) -> None:
    """Whatever the operator types, it can't lead to another address of the service."""
    with ScriptedServer(GOOD) as server:
        Service(server.url).source.resolve(flight_id)
    assert server.requests[0].startswith(f"GET /flights/{step} HTTP/1.1")


@pytest.mark.parametrize("flight_id", ["", ".", "..", "a\nb", "a\0", "\ud800", "x" * 201])
def test_case_016_what_cant_be_an_id_is_not_asked_for(flight_id: str) -> None:
    """A step of dots would lead out of the path even when quoted."""
    with ScriptedServer(GOOD) as server, pytest.raises(FlightNotFoundError, match="can't be a flight's id"):
        Service(server.url).source.resolve(flight_id)
    assert server.requests == []


@pytest.mark.parametrize(
    ("prefix", "settings", "asked"),
    [
        ("", {}, ["/flights/F-12"]),
        ("", {"path": "/api/flights/{id}"}, ["/api/flights/F-12"]),
        ("/api", {}, ["/api/flights/F-12"]),
        ("", {"waypoints_path": "/flights/{id}/waypoints"}, ["/flights/F-12", "/flights/F-12/waypoints"]),
        (
            "/api/",
            {"waypoints_path": "/flights/{id}/waypoints"},
            ["/api/flights/F-12", "/api/flights/F-12/waypoints"],
        ),
        ("/gcs/v3", {"path": "/mission?of={id}&full=1"}, ["/gcs/v3/mission?of=F-12&full=1"]),
    ],
)
def test_a_flight_stands_where_the_settings_say(prefix: str, settings: dict[str, Any], asked: list[str]) -> None:
    """With and without a prefix, in one document or two."""
    documents = [json_answer(payload(waypoint(0, 7, 8))), json_answer([waypoint(0, 7, 8)])]
    with ScriptedServer(*documents) as server:
        flight = Service(server.url + prefix, **settings).source.resolve("F-12")
    assert [head.split()[1] for head in server.requests] == asked
    assert (positions(flight.waypoints), flight.format) == ([(7, 8)], "flights service")


def test_waypoints_may_stand_at_a_path_of_their_own() -> None:
    """Two requests, one flight."""
    with ScriptedServer(json_answer({"id": "F-12"}), json_answer([waypoint(0, 7, 8)])) as server:
        flight = Service(server.url, waypoints_path="/flights/{id}/waypoints").source.resolve("F-12")
    assert positions(flight.waypoints) == [(7, 8)]
    assert [head.split()[1] for head in server.requests] == ["/flights/F-12", "/flights/F-12/waypoints"]


def test_a_settings_name_maps_a_payloads_field() -> None:
    """Another service needs settings, not code."""
    point = {"n": 0, "at": {"y": 1, "x": 2}}
    with ScriptedServer(json_answer({"uid": 5, "route": [point]})) as server:
        service = Service(
            server.url, id_field="uid", waypoints_field="route", ordinal_field="n", lat_field="at.y", lon_field="at.x"
        )
        assert positions(service.source.resolve("5").waypoints) == [(1, 2)]


@pytest.mark.parametrize("status", [401, 403])
def test_case_001_a_refused_token_is_not_tried_again(status: int) -> None:
    """Another try could lock the account."""
    error = failure(answer(status=status))
    assert isinstance(error, FlightRefusedError)
    assert error.message == f"refused the token (answered {status})"
    assert (error.exit_code, error.retryable) == (91, False)


def test_case_001_a_service_that_wants_a_token_says_so_when_none_is_set() -> None:
    """The hint names the setting."""
    with ScriptedServer(answer(status=401)) as server, pytest.raises(FlightRefusedError, match="none is set") as caught:
        Service(server.url).source.resolve("F-12")
    assert "api.api_key_file" in caught.value.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [404, 410])
def test_case_002_an_unknown_flight_is_not_tried_again(status: int) -> None:
    """The message names the id."""
    error = failure(answer(status=status))
    assert isinstance(error, FlightNotFoundError)
    assert error.message == f"no flight 'F-12' at /flights/F-12 (answered {status})"
    assert "api.path" in error.hint
    assert (error.exit_code, error.retryable) == (92, False)


def test_case_002_waypoints_that_are_not_there_are_told_as_the_flight_is() -> None:
    """A service whose path of waypoints is another: the status and the id are told, and nothing is made up."""
    with ScriptedServer(json_answer({"id": "F-12"}), answer(status=404)) as server:
        service = Service(server.url, waypoints_path="/flights/{id}/points")
        with pytest.raises(FlightNotFoundError, match="no waypoints of flight 'F-12' at /flights/F-12/points"):
            service.source.resolve("F-12")
    assert len(server.requests) == 2


def test_another_refusal_is_final_and_names_the_status() -> None:
    """A 422 will be one the next time too."""
    error = failure(answer(status=422))
    assert (type(error), error.retryable) == (FlightError, False)
    assert error.message == "answered 422 when asked for flight 'F-12'"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_case_007_a_redirect_is_not_followed(status: int) -> None:
    """The other server sees nothing, and the message names it without what its address may hold."""
    with ScriptedServer(GOOD) as other:
        target = f"http://user:pass@127.0.0.1:{other.port}/login?key=abc"
        error = failure(answer(status=status, location=target))
    assert other.requests == []
    assert error.message == (
        f"answered {status}, a redirect to http://127.0.0.1:{other.port}; redirects are not followed"
    )
    assert (error.exit_code, error.retryable) == (90, False)


@pytest.mark.parametrize("location", ["/login", "", "http://[", "//\x1b[31mhost/"])
def test_case_007_an_odd_redirect_is_shown_safely(location: str) -> None:
    """A location is text from outside."""
    message = failure(answer(status=302, location=location)).message
    assert "redirect to " in message or "header" in message
    assert "\x1b" not in message


@pytest.mark.parametrize(
    "script",
    [
        answer(b"<!doctype html><title>Log in", content_type="text/html; charset=utf-8"),
        answer(b"\n <html>"),
        answer(b"", content_type="text/html"),
    ],
)
def test_case_008_a_login_page_is_named(script: Script) -> None:
    """Not "invalid character at column 1"."""
    error = failure(script)
    assert isinstance(error, FlightFormatError)
    assert error.message == "the answer: expected JSON, got HTML, as from a login page"


@pytest.mark.parametrize(
    ("document", "kind", "message"),
    [
        (payload(waypoint(0, 91)), FlightFormatError, "waypoints[0].lat: latitude 91, expected -90 to 90"),
        (payload(waypoint(0, float("nan"))), FlightFormatError, "waypoints[0].lat: NaN is not a JSON number"),
        (payload(), NoRouteError, "waypoints: 0 waypoints"),
        ([], FlightFormatError, "the document: a list, expected an object"),
    ],
)
def test_case_011_a_bad_payload_is_named_by_its_path(document: object, kind: type, message: str) -> None:
    """The same parser and the same words as for a file."""
    error = failure(json_answer(document))
    assert (type(error), error.message) == (kind, message)


def test_a_field_that_is_called_otherwise_is_told_with_what_is_there() -> None:
    """What an operator needs to map it."""
    error = failure(json_answer({"id": "F-12", "route": [], **{f"n{number}": 0 for number in range(20)}}))
    assert error.message.startswith("waypoints: missing, expected the list of waypoints; what is there: id, route, n0")
    assert error.message.endswith(", n9 and 10 more")
    assert "api.*_field" in error.hint


def test_a_flight_with_another_id_than_asked_for_is_noted() -> None:
    """A service that ignores the id would give every operator the same flight."""
    with ScriptedServer(json_answer(payload(waypoint(0), id="F-\x1b13"))) as server:
        assert Service(server.url).source.resolve("F-12").notes == (
            "Asked for flight 'F-12', the service sent one with the id 'F-\\x1b13'.",
        )
        assert Service(server.url).source.resolve("F-\\x1b13").notes == ()


def test_an_empty_answer_is_refused() -> None:
    """A 204 is no flight."""
    assert failure(answer(status=204)).message == "the document: expecting value at line 1, column 1"


def test_case_010_an_endless_body_is_cut_at_its_cap() -> None:
    """8 MiB and no more is taken."""

    def endless(connection: socket.socket, _closing: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")

    error = failure(endless)
    assert isinstance(error, FlightFormatError)
    assert error.message == "the answer: more than 8,388,608 bytes"


def test_case_010_a_gzip_bomb_is_cut_on_its_decoded_bytes() -> None:
    """200 MB in 194 kB: inflated no further than the cap, in bounded memory."""
    compressor = zlib.compressobj(9, wbits=31)
    bomb = b"".join(compressor.compress(bytes(1_000_000)) for _ in range(200)) + compressor.flush()
    assert len(bomb) < 200_000
    tracemalloc.start()
    error = failure(answer(bomb, content_encoding="gzip"))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.message == "the answer: more than 8,388,608 bytes"
    assert peak_bytes < 64 * 1024 * 1024


def test_a_compressed_answer_that_was_not_asked_for_is_read_or_named() -> None:
    """gzip is understood; what isn't is said; what is broken is never parsed."""
    good = gzip.compress(encoded(payload(waypoint(0))))
    with ScriptedServer(answer(good, content_encoding="gzip")) as server:
        assert Service(server.url).source.resolve("F-12").id == "F-12"
    assert "Content-Encoding br " in failure(answer(good, content_encoding="br")).message
    assert "can't be decompressed" in failure(answer(b"plain", content_encoding="gzip")).message
    assert "the compressed answer was cut short" in failure(answer(good[:-9], content_encoding="gzip")).message


@pytest.mark.parametrize(("skew_s", "words"), [(-301, "6 minutes ahead of"), (86_400, "1,440 minutes behind")])
def test_case_019_a_wrong_clock_is_named_when_the_token_is_refused(skew_s: int, words: str) -> None:
    """A token is "expired" on a workstation whose clock is wrong; the service's Date gives it away."""
    date = formatdate(NOW_S + skew_s, usegmt=True)
    hint = failure(answer(status=401, date=date)).hint
    assert hint.startswith("Check this workstation's clock: it is ")
    assert words.split()[1] in hint
    assert words.split(maxsplit=2)[2] in hint


@pytest.mark.parametrize("date", [formatdate(NOW_S + 299, usegmt=True), "yesterday", ""])
def test_case_019_a_right_clock_is_not_blamed(date: str) -> None:
    """Within five minutes, or unknown."""
    assert failure(answer(status=401, date=date)).hint == FlightRefusedError.default_hint


def test_case_019_a_403_is_no_matter_of_the_clock() -> None:
    """It says that the token is known and not enough."""
    date = formatdate(NOW_S + 86_400, usegmt=True)
    assert failure(answer(status=403, date=date)).hint == FlightRefusedError.default_hint
