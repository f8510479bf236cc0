"""Certificates, addresses and tokens: no way round a check, and no secret in a message."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from pathlib import Path

import pytest

from operator_tool.api import ConfigError, FlightError, FlightSource, RunContext, Secret
from operator_tool_plugins.flight_sources import api
from operator_tool_plugins.flight_sources.api import ApiSettings
from tests.plugins.flight_sources.api.services import Service
from tests.plugins.flight_sources.certificates import certificate
from tests.plugins.flight_sources.samples import payload, waypoint
from tests.plugins.flight_sources.scripted_server import ScriptedServer, answer, json_answer

GOOD = json_answer(payload(waypoint(0)))


def tls_server(pem: Path) -> ScriptedServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return ScriptedServer(GOOD, tls=context)


def test_an_authority_of_ones_own_is_trusted_when_it_is_named(tmp_path: Path) -> None:
    """The way for a closed network, rather than no check."""
    pem = certificate(tmp_path)
    with tls_server(pem) as server:
        flight = Service(server.url, ca_file=str(pem), api_key=Secret("canary-token")).source.resolve("F-12")
    assert flight.source == f"api:{server.url}"


@pytest.mark.parametrize(
    ("host", "days", "trusted", "reason"),
    [
        ("127.0.0.1", 1, False, "self-signed certificate"),
        ("127.0.0.1", -1, True, "certificate has expired"),
        ("127.0.0.1", 60, True, "certificate is not yet valid"),
        ("flights.example", 1, True, "IP address mismatch"),
    ],
)
def test_case_006_a_certificate_that_is_not_trusted_ends_it(
    tmp_path: Path, host: str, days: int, trusted: bool, reason: str
) -> None:
    """Not asked again, nothing sent, and no hint at switching the check off."""
    pem = certificate(tmp_path, host=host, days=days)
    with tls_server(pem) as server:
        service = Service(server.url, ca_file=str(pem) if trusted else None, api_key=Secret("canary-token"))
        with pytest.raises(FlightError) as caught:
            service.source.resolve("F-12")
    error = caught.value
    assert (type(error), error.retryable) == (FlightError, False)
    assert "the certificate is not trusted: " in error.message
    assert reason in error.message
    assert ("clock" in error.hint) == ("valid" in reason or "expired" in reason)
    assert not {"insecure", "disable", "verify", "skip"} & set(error.hint.lower().split())
    assert (server.requests, service.waits_s) == ([], [])


def test_case_007_from_https_to_http_is_not_followed(tmp_path: Path) -> None:
    """Not even on the same host: the token would travel in the open."""
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with ScriptedServer(GOOD) as plain:
        downgrade = answer(status=302, location=f"{plain.url}/flights/F-12", set_cookie="session=1")
        with ScriptedServer(downgrade, tls=context) as server, pytest.raises(FlightError) as caught:
            Service(server.url, ca_file=str(pem), api_key=Secret("canary-token")).source.resolve("F-12")
    assert plain.requests == []
    assert (len(server.requests), caught.value.retryable) == (1, False)
    assert f"a redirect to {plain.url}; redirects are not followed" in caught.value.message


def test_case_006_a_port_that_speaks_no_tls_is_said_so() -> None:
    """An https address that leads to a plain server."""
    with ScriptedServer(GOOD) as server, pytest.raises(FlightError, match="TLS failed: ") as caught:
        Service(server.url.replace("http:", "https:")).source.resolve("F-12")
    assert not caught.value.retryable


def test_case_006_a_connection_that_ends_in_the_handshake_is_a_broken_one() -> None:
    """Not a matter of trust: it is asked again once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = Service(f"https://127.0.0.1:{listener.getsockname()[1]}", connect_timeout_s=5)

        def hang_up() -> None:
            for _ in range(2):
                connection, _address = listener.accept()
                connection.recv(10_000)
                connection.close()

        server = threading.Thread(target=hang_up)
        server.start()
        with pytest.raises(FlightError) as caught:
            service.source.resolve("F-12")
        server.join(10)
    assert (caught.value.retryable, len(service.waits_s)) == (True, 1)
    assert "TLS" not in caught.value.message


def test_an_authority_file_that_is_none_is_a_matter_of_configuration(tmp_path: Path) -> None:
    """Missing, or not PEM."""
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(ConfigError, match=r"api\.ca_file .* can't be used"):
            Service("https://127.0.0.1:1", ca_file=str(tmp_path / name)).source.resolve("F-12")


@pytest.mark.parametrize("host", ["flights.example", "10.0.0.1", "[2001:db8::1]", "localhost.example", "127.1.example"])
def test_case_006_a_token_is_not_sent_over_plain_http(host: str) -> None:
    """Refused before anything is sent; without a token plain http is the operator's choice."""
    with pytest.raises(ConfigError, match="a token is not sent over plain http"):
        Service(f"http://{host}", api_key=Secret("canary-token"))
    assert Service(f"http://{host}").source


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost", "[::1]:8080", "127.9.9.9", "LOCALHOST"])
def test_case_006_a_token_may_go_over_plain_http_to_this_machine(host: str) -> None:
    """Loopback never leaves it."""
    assert Service(f"http://{host}", api_key=Secret("canary-token")).source


@pytest.mark.parametrize(
    "base_url",
    [
        "https://user:canary@flights.example",
        "https://canary@flights.example",
        "ftp://flights.example",
        "flights.example",
        "https://",
        "https://flights.example:port",
        "https://[::1",
        "https://flights.example/?key=canary",
        "https://flights.example/#a",
        "https://flights.example/a b",
        "https://flights\t.example",
        "https://flights.example\r\nX: y",
        "",
    ],
)
def test_case_121_an_address_that_is_none_or_holds_a_user_is_refused(base_url: str) -> None:
    """The message shows no part that may be a secret."""
    with pytest.raises(ConfigError, match=r"api\.base_url") as caught:
        Service(base_url)
    assert "canary" not in caught.value.message + caught.value.hint
    assert caught.value.exit_code == 11


@pytest.mark.parametrize("path", ["flights/{id}", "/flights", "/flights/{id}#x", "/flights /{id}", ""])
def test_a_path_that_names_no_flight_is_refused(path: str) -> None:
    """Else every id would give the same answer."""
    with pytest.raises(ConfigError, match=r"api\.path is"):
        Service("https://flights.example", path=path)
    with pytest.raises(ConfigError, match=r"api\.waypoints_path is"):
        Service("https://flights.example", waypoints_path=path)


@pytest.mark.parametrize("name", ["", ".", "at.", ".lat", "at..lat"])
def test_a_name_that_no_field_can_have_is_refused(name: str) -> None:
    """Told as the setting that it is, and not as a flaw of the service's."""
    with pytest.raises(ConfigError, match=rf"api\.lat_field is '{re.escape(name)}', expected a name"):
        Service("https://flights.example", lat_field=name)


@pytest.mark.parametrize("token", ["", "canary token", "canary\r\nX-Evil: 1", "canäry"])
def test_a_token_that_no_header_can_carry_is_refused_unseen(token: str) -> None:
    """httpx would put it into its own exception."""
    with pytest.raises(ConfigError, match=r"api\.api_key") as caught:
        Service("https://flights.example", api_key=Secret(token))
    assert "can" not in caught.value.message.split("can't")[0]


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token goes to the service alone."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ScriptedServer(GOOD) as server:
        assert Service(server.url).source.resolve("F-12").id == "F-12"


def test_the_plugins_door_gives_a_flight_source() -> None:
    """Made from settings and context alone; nothing is opened."""
    assert api.plugin_settings() is ApiSettings
    source = api.make_flight_source(
        ApiSettings(base_url="https://flights.example"), RunContext(run_id="test", state_dir=Path("unused"))
    )
    assert isinstance(source, FlightSource)
