"""Catalogue A through the whole command: a flights service that fails in every way, and then comes right.

For each case the catalogue's defaults hold: the cache on the companion is unchanged, nothing is written, no lock is
held, the token is in no output and no file, the report says whose move it is, and the same command later ends 0.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.flight_sources.certificates import certificate
from tests.plugins.flight_sources.samples import encoded, payload, waypoint
from tests.plugins.flight_sources.scripted_server import Script, ScriptedServer, answer, json_answer
from tests.support.aftermath import Aftermath
from tests.support.command import Ended, Workstation

TOKEN = "canary-token-7341"
ROUTE = (waypoint(0, 47.0553187, 8.3104262), waypoint(1, 47.0580214, 8.3187341))
GOOD = json_answer(payload(*ROUTE))
Settings = dict[str, str]


class Operator:
    """An operator whose companion has a cache already, of the flight that a file holds."""

    def __init__(self, folder: Path) -> None:
        self.workstation = Workstation(folder)
        self.token = folder / "token"
        self.token.touch(mode=0o600)
        self.token.write_text(TOKEN + "\n")
        saved = folder / "saved.json"
        saved.write_bytes(encoded(payload(*ROUTE)))
        older = self.workstation.run(*self.workstation.build_arguments(saved, "--zoom", "14", "--json"))
        assert older.code == 0, older.all

    def build(self, url: str, flight_id: str = "F-12", **settings: str) -> Ended:
        """Build the cache of a flight of the service; nothing of it is a matter of seconds."""
        given = {"base_url": url, "api_key_file": str(self.token), **settings}
        options = [word for key, value in given.items() for word in ("-o", f"api.{key}={value}")]
        arguments = self.workstation.build_arguments("unused", "--zoom", "14", "--json", "--deadline", "20", *options)
        at = arguments.index("--flight-file")
        arguments[at : at + 2] = [f"--flight-id={flight_id}"]
        return self.workstation.run(*arguments, timeout_s=40)

    def written(self) -> dict[str, tuple[int, int, int]]:
        """Return every file of the workstation and the companion, but the log of what was tried."""
        files = [path for path in self.workstation.folder.rglob("*") if path.name != "audit.jsonl" and path.is_file()]
        return {str(path): (path.stat().st_ino, path.stat().st_size, path.stat().st_mtime_ns) for path in files}

    def assert_no_canary(self, ended: Ended) -> None:
        """Assert that the token is in nothing that was printed, and in no file but its own."""
        assert TOKEN not in ended.all
        files = [path for path in self.workstation.folder.rglob("*") if path.is_file() and path != self.token]
        assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """One operator for all cases: no failure changes anything."""
    return Operator(tmp_path_factory.mktemp("operator"))


def assert_fails(
    operator: Operator, build: Callable[[], Ended], code: int, *says: str, retryable: bool
) -> dict[str, Any]:
    """Build, assert the catalogue's defaults for a failure before any lock, and return the report."""
    aftermath = Aftermath(operator.workstation, operator.workstation.cache_root)
    before = operator.written()
    ended = build()
    report = aftermath.assert_failed(ended, code, "flight_resolve", *says, retryable=retryable)
    assert report["companion"] is None
    assert operator.written() == before
    assert "Traceback" not in ended.all
    operator.assert_no_canary(ended)
    return report


def reset(connection: socket.socket, _closing: threading.Event) -> None:
    """Begin an answer, and close in the middle of it."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + encoded(payload(*ROUTE))[:40])


def drip(connection: socket.socket, closing: threading.Event) -> None:
    """Send a byte at a time, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
    while not closing.wait(0.05):
        connection.sendall(b" ")


def endless(connection: socket.socket, _closing: threading.Event) -> None:
    """Send blanks, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")


def elsewhere(connection: socket.socket, closing: threading.Event) -> None:
    """Redirect to another host, with the token in its name and in its query."""
    answer(status=302, location=f"https://{TOKEN}.example/?key={TOKEN}")(connection, closing)


def slow_clock(connection: socket.socket, closing: threading.Event) -> None:
    """Refuse the token as expired; the service's clock is a day ahead of this machine's."""
    date = formatdate(time.time() + 86_400, usegmt=True)
    answer(b'{"error": "token expired"}', status=401, date=date)(connection, closing)


def raw(lat: bytes) -> Script:
    """A flight whose second latitude is written so."""
    return answer(encoded(payload(*ROUTE)).replace(b"47.0580214", lat), content_type="application/json")


LATITUDE = "waypoints[1].lat: "
BOMB = gzip.compress(bytes(200_000_000), 1)
FAILURES: dict[str, tuple[list[Script], int, bool, str, Settings]] = {
    "001 refused": ([answer(status=401)], 91, False, "refused the token (answered 401)", {}),
    "001 forbidden": ([answer(status=403)], 91, False, "refused the token (answered 403)", {}),
    "002 unknown": ([answer(status=404)], 92, False, "no flight 'F-12' at /flights/F-12 (answered 404)", {}),
    "003 days": ([answer(status=429, retry_after="999999")], 90, True, "asks to wait 999,999 s, until ", {}),
    "003 a budget": ([answer(status=429, retry_after="3")], 90, True, "beyond the 2 s", {"wait_budget_s": "2"}),
    "004 failing": ([answer(status=502), answer(status=503)], 90, True, "answered 502; asked again: answered 503", {}),
    "005 cut": ([reset, reset], 90, True, "asked again: the same", {}),
    "007 elsewhere": ([elsewhere], 90, False, "a redirect to https://", {}),
    "008 a login page": ([answer(b"<html>", content_type="text/html")], 93, False, "expected JSON, got HTML", {}),
    "009 slow loris": ([drip], 90, True, "no whole answer within 4 s", {"request_timeout_s": "4"}),
    "010 endless": ([endless], 93, False, "the answer: more than 8,388,608 bytes", {}),
    "010 a bomb": ([answer(BOMB, content_encoding="gzip")], 93, False, "the answer: more than 8,388,608 bytes", {}),
    "011 NaN": ([raw(b"NaN")], 93, False, LATITUDE + "NaN is not a JSON number", {}),
    "011 1e999": ([raw(b"1e999")], 93, False, LATITUDE + "1e999 is beyond any number", {}),
    "011 lat 91": ([raw(b"91")], 93, False, LATITUDE + "latitude 91, expected -90 to 90", {}),
    "011 nesting": ([raw(b"[" * 200_000)], 93, False, LATITUDE.rstrip(": ") + "[0][0]", {}),
    "011 digits": ([raw(b"9" * 5000)], 93, False, LATITUDE + "a number of 5,000 characters", {}),
    "011 a million": ([answer(b'{"waypoints": [' + b"{}," * 1_000_000)], 93, False, "waypoints[", {}),
    "019 the clock": ([slow_clock], 91, False, "refused the token (answered 401)", {}),
}


@pytest.mark.parametrize("name", FAILURES)
def test_cases_001_002_003_004_005_007_008_009_010_011_and_019_a_failure_changes_nothing(
    operator: Operator, name: str
) -> None:
    """Asked no more often than its kind allows; right again, the same command ends 0."""
    scripts, code, retryable, says, settings = FAILURES[name]
    with ScriptedServer(*scripts, GOOD) as server:
        report = assert_fails(
            operator,
            lambda: operator.build(server.url, **settings),
            code,
            f"the flights service at {server.url}: ",
            says,
            retryable=retryable,
        )
        assert len(server.requests) == len(scripts)
        assert all(f"Authorization: Bearer {TOKEN}\r\n" in head for head in server.requests)
        ended = operator.build(server.url, **settings)
    assert ended.code == 0, ended.all
    assert ("workstation's clock" in report["remediation"]) == name.startswith("019")


@pytest.mark.parametrize(
    "script",
    [answer(status=500), answer(status=429, retry_after="1"), reset],
    ids=["004 a 500", "003 a 429", "005 a cut answer"],
)
def test_cases_003_004_and_005_what_passes_is_waited_for(operator: Operator, script: Script) -> None:
    """One command, two requests, and the cache is there."""
    with ScriptedServer(script, GOOD) as server:
        ended = operator.build(server.url)
    assert (ended.code, len(server.requests)) == (0, 2), ended.all
    operator.assert_no_canary(ended)


@pytest.mark.parametrize(
    ("made", "trusted", "says"),
    [
        ({}, False, "self-signed certificate"),
        ({"days": -1}, True, "certificate has expired"),
        ({"host": "flights.example"}, True, "IP address mismatch"),
    ],
    ids=["self-signed", "expired", "wrong name"],
)
def test_case_006_a_certificate_that_is_not_trusted_changes_nothing(
    operator: Operator, tmp_path: Path, made: dict[str, Any], trusted: bool, says: str
) -> None:
    """Not asked again, and no hint at switching the check off; with the certificate put right the command ends 0."""
    authorities = tmp_path / "authorities.pem"
    authorities.write_bytes(certificate(tmp_path).read_bytes())
    bad = certificate(tmp_path, **made)
    if trusted:
        authorities.write_bytes(bad.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bad)
    with ScriptedServer(GOOD, tls=context) as server:
        report = assert_fails(
            operator,
            lambda: operator.build(server.url, ca_file=str(authorities)),
            90,
            says,
            retryable=False,
        )
        assert server.requests == []
        assert not {"insecure", "disable", "verify", "skip"} & set(report["remediation"].lower().split())
        good = certificate(tmp_path)
        authorities.write_bytes(good.read_bytes())
        context.load_cert_chain(good)
        ended = operator.build(server.url, ca_file=str(authorities))
    assert (ended.code, len(server.requests)) == (0, 1), ended.all


def test_case_006_a_token_over_plain_http_is_a_matter_of_configuration(operator: Operator) -> None:
    """Refused before anything is sent to a machine that is not this one."""
    before = operator.written()
    ended = operator.build("http://192.0.2.1")
    assert (ended.code, ended.report["retryable"]) == (11, False)
    assert "a token is not sent over plain http to another machine" in ended.report["message"]
    assert ended.report["remediation"].startswith("Use https")
    assert operator.written() == before
    operator.assert_no_canary(ended)


@pytest.fixture
def plan(operator: Operator) -> Callable[..., Ended]:
    """Plans a flight of a service that gives this document."""

    def planned(document: object, *more: str) -> Ended:
        with ScriptedServer(json_answer(document)) as server:
            base = ["plan", "--flight-id", "F-12", "--provider", "synthetic", "--samples", "0", "--json"]
            return operator.workstation.run(*base, "-o", f"api.base_url={server.url}", *more)

    return planned


@pytest.mark.parametrize(
    "route",
    [
        [waypoint(0, 10, 179.995), waypoint(1, 10, -179.995)],
        [waypoint(0, 10, 11)],
        [waypoint(0, 10, 11), waypoint(1, 10, 11)],
        [waypoint(0, 10, 180), waypoint(1, 10.001, -180)],
    ],
    ids=["antimeridian", "single point", "zero-length leg", "lon 180"],
)
def test_case_012_legal_oddities_are_planned(plan: Callable[..., Ended], route: list[dict[str, Any]]) -> None:
    """A few tiles, and not those of half the planet."""
    ended = plan(payload(*route), "--zoom", "14")
    assert ended.code == 0, ended.all
    assert 0 < ended.report["tiles"]["count"] <= 12


def test_case_016_a_hostile_name_is_never_a_path_or_an_argument(operator: Operator) -> None:
    """A whole build: the name is shown escaped, and no file has it."""
    name = "../../etc/passwd\0\n\x1b[31m-rf" + "x" * 300
    with ScriptedServer(json_answer(payload(*ROUTE, name=name, id="../-rf\x1b"))) as server:
        ended = operator.build(server.url, flight_id="-rf/../$(id)")
    assert ended.code == 0, ended.all
    assert server.requests[0].startswith("GET /flights/-rf%2F..%2F%24%28id%29 HTTP/1.1")
    shown = ended.report["flight"]
    assert shown["name"].startswith("../../etc/passwd\\x00\\n\\x1b[31m-rfxxx")
    assert (len(shown["name"]), shown["id"]) == (100, "../-rf\\x1b")
    assert any("Asked for flight '-rf/../$(id)'" in note for note in shown["notes"])
    assert "\x1b" not in ended.all
    names = [path.name for path in operator.workstation.folder.rglob("*")]
    assert [one for one in names if "passwd" in one or "rf" in one] == []


def test_case_016_a_hostile_file_name_is_shown_escaped(operator: Operator, tmp_path: Path) -> None:
    """On a terminal it drives nothing."""
    path = tmp_path / "-rf\n\x1b[31m$(id).json"
    path.write_bytes(encoded(payload(*ROUTE)))
    ended = operator.workstation.run(
        *("plan", "--flight-file", str(path), "--provider", "synthetic", "--zoom", "14", "--samples", "0")
    )
    assert ended.code == 0, ended.all
    assert "-rf\\n\\x1b[31m$(id).json" in ended.all
    assert "\x1b" not in ended.all


def test_case_017_zoom_22_over_a_country_is_refused_with_the_way_out(plan: Callable[..., Ended]) -> None:
    """The count, the limit, and the options that change it; soon, and in bounded memory."""
    country = payload(waypoint(0, 47.3, 5.9), waypoint(1, 55.0, 15.0))
    began_s = time.monotonic()
    ended = plan(country, "--box", "1000", "--zoom", "22")
    assert ended.code == 2, ended.all
    said = " ".join(ended.all.split())
    for words in ("zooms 22 of this area are", "tiles; the limit is 1,000,000", "--zoom", "--max-tiles"):
        assert words in said
    assert time.monotonic() - began_s < 20


@pytest.mark.parametrize("apart", [False, True], ids=["one document", "waypoints apart"])
def test_case_018_the_flight_that_was_resolved_is_the_one_that_is_built(operator: Operator, apart: bool) -> None:
    """Edited on the service while the build runs: asked once, the snapshot is used throughout, and its hash is in the
    manifest. The next run builds what the flight is by then."""
    edited = [waypoint(0, 47.06, 8.33 + (0.01 if apart else 0.0)), waypoint(1, 47.07, 8.34)]
    first = [GOOD, json_answer(list(ROUTE))] if apart else [GOOD]
    then = [json_answer(payload(*edited)), json_answer(edited)] if apart else [json_answer(payload(*edited))]
    settings = {"waypoints_path": "/flights/{id}/waypoints"} if apart else {}
    current = operator.workstation.cache_root / "current" / "manifest.json"
    with ScriptedServer(*first, *then) as server:
        built = operator.build(server.url, **settings)
        assert len(server.requests) == len(first)
        manifest = json.loads(current.read_text())
        again = operator.build(server.url, **settings)
        later = json.loads(current.read_text())
    assert (built.code, again.code) == (0, 0), built.all + again.all
    for ended, held, route in ((built, manifest, ROUTE), (again, later, edited)):
        assert held["content_key"] == ended.report["content_key"]
        assert held["inputs"]["route"] == [[point["lat"], point["lon"], 120.0] for point in route]
    assert manifest["content_key"] != later["content_key"]
