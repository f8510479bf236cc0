"""Whom the engine talks to, with which credentials, and that none of them is ever said."""

from __future__ import annotations

import contextlib
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import ConfigError, DownloadError, Secret, Tile, TileId
from operator_tool_plugins.tile_providers._http.address import check_address, origin_of
from tests.plugins.tile_providers.http.asking import KEY, fetch, fetch_one, provider, wanted
from tests.support.tile_server import JPEG, Answer, TileServer, tile_server


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [
        ("Authorization: Bearer", "authorization", f"Bearer {KEY}"),
        ("X-Api-Key", "x-api-key", KEY),
        ("X-Api-Key:", "x-api-key", KEY),
    ],
)
def test_the_key_goes_into_the_header_that_is_set(server: TileServer, header: str, name: str, value: str) -> None:
    """Bearer by default, another header by its name."""
    fetch(server.template, api_key=Secret(KEY), api_key_header=header)
    assert server.asked[0].headers[name] == value


def test_the_key_goes_into_the_url_where_the_template_says_so_and_not_into_a_header(server: TileServer) -> None:
    """Encoded, and once."""
    fetch(server.template + "?key={api_key}", api_key=Secret(KEY))
    (asked,) = server.asked
    assert asked.path == "/10/1/7.jpg?key=canary-key-7f3a%2F%26%3D"
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("status", [401, 403])
def test_case_041_042_a_refusal_of_all_ends_the_run_soon_and_shows_no_key(server: TileServer, status: int) -> None:
    """After a few requests, not retryable, and neither key nor query is in what is said."""
    server.script = lambda _asked: Answer(status=status, body=KEY.encode())
    with pytest.raises(DownloadError) as caught:
        fetch(server.template + "?key={api_key}", wanted(*range(1000)), api_key=Secret(KEY), max_connections=2)
    assert not caught.value.retryable
    assert len(server.asked) <= 8
    said = repr(caught.value) + caught.value.message + caught.value.hint
    assert str(status) in said
    assert "canary" not in said
    assert "?" not in caught.value.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_case_040_a_redirect_to_another_host_is_not_followed_and_only_the_own_one_is_named(
    server: TileServer, status: int
) -> None:
    """The other server sees nothing, nor is its address repeated."""
    with tile_server() as other:
        server.script = lambda _asked: Answer(status=status, headers={"Location": f"{other.url}/secret"})
        with pytest.raises(DownloadError, match=rf"127\.0\.0\.1:{server.port} redirects") as caught:
            fetch(server.template, api_key=Secret(KEY))
        assert other.asked == []
    assert "secret" not in caught.value.message + caught.value.hint
    assert not caught.value.retryable


def test_case_040_a_listed_host_is_followed_to_and_gets_no_credential(server: TileServer) -> None:
    """Neither the key nor any header of the settings goes to it."""
    with tile_server() as other:
        elsewhere = f"{other.url.replace('127.0.0.1', 'localhost')}/there.jpg"
        server.script = lambda _asked: Answer(status=302, headers={"Location": elsewhere})
        settings: dict[str, Any] = {"api_key": Secret(KEY), "api_key_header": "X-Api-Key", "headers": {"X-A": "b"}}
        (result,) = fetch(server.template, **settings, redirect_hosts=("localhost",))
        assert isinstance(result, Tile)
        (asked,) = other.asked
    assert asked.path == "/there.jpg"
    assert {"x-api-key", "authorization", "x-a", "cookie"}.isdisjoint(asked.headers)
    assert server.asked[0].headers["x-api-key"] == KEY


def test_case_040_a_redirect_that_carries_the_key_along_is_refused(server: TileServer) -> None:
    """A server that puts the query into its Location would send the key to the listed host."""
    with tile_server() as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        server.script = lambda asked: Answer(status=302, headers={"Location": elsewhere + asked.path})
        with pytest.raises(DownloadError, match="another host"):
            fetch(server.template + "?k={api_key}", api_key=Secret(KEY), redirect_hosts=("localhost",))
        assert other.asked == []


@pytest.mark.parametrize("spelled", ["ab%2fc%2bd%3d%3d", "ab/c%2Bd%3D%3D", "%61b/c+d==", "%2561b/c+d==", "ab/c+d=="])
def test_case_040_however_the_key_is_spelled_it_goes_to_no_listed_host(server: TileServer, spelled: str) -> None:
    """A server may quote it in its own way."""
    with tile_server() as other:
        elsewhere = f"{other.url.replace('127.0.0.1', 'localhost')}/a?k={spelled}"
        server.script = lambda _asked: Answer(status=302, headers={"Location": elsewhere})
        with pytest.raises(DownloadError, match="another host"):
            fetch(server.template, api_key=Secret("ab/c+d=="), redirect_hosts=("localhost",))
        assert other.asked == []


def test_case_051_a_proxy_that_will_not_connect_ends_the_run(tmp_path: Path) -> None:
    """It was reached, so it is not this machine that can do no more."""
    refuses = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
    with refusing_proxy(refuses) as address, pytest.raises(DownloadError, match="in a row"):
        fetch("https://tiles.invalid/{z}/{x}/{y}", wanted(*range(1000)), proxy=address)


@contextlib.contextmanager
def refusing_proxy(answer: bytes) -> Iterator[str]:
    """Run a proxy that answers every request with these bytes."""

    class Refuses(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                continue
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuses) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()
            thread.join()


def test_a_redirect_to_a_name_in_another_script_is_followed(server: TileServer) -> None:
    """Quoted, as it must be on the wire."""
    moved = Answer(status=301, headers={"Location": "/n\xe9w 1.jpg"})
    server.script = lambda asked: Answer() if asked.path.startswith("/n") else moved
    assert isinstance(fetch(server.template)[0], Tile)
    assert server.asked[1].path == "/n%C3%A9w%201.jpg"


def test_a_redirect_on_the_same_host_is_followed_with_the_key(server: TileServer) -> None:
    """A server may move its tiles about; a circle ends after a few."""
    server.script = lambda asked: (
        Answer() if asked.path == "/new/1.jpg" else Answer(status=301, headers={"Location": "/new/1.jpg"})
    )
    assert isinstance(fetch(server.template, api_key=Secret(KEY))[0], Tile)
    assert [asked.headers["authorization"] for asked in server.asked] == [f"Bearer {KEY}"] * 2
    server.script = lambda _asked: Answer(status=301, headers={"Location": "/10/1/7.jpg"})
    with pytest.raises(DownloadError, match="more than 3 times"):
        fetch(server.template)


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "ftp://127.0.0.1/", "http://u:p@127.0.0.1/", "//[::1"])
def test_case_049_a_redirect_to_what_is_no_web_address_is_refused(server: TileServer, location: str) -> None:
    """Nothing but http and https is ever asked."""
    with pytest.raises(DownloadError, match="redirects"):
        fetch_one(server, Answer(status=302, headers={"Location": location}))


def test_case_039_a_certificate_that_nobody_vouches_for_ends_the_run(tmp_path: Path) -> None:
    """It is not tried again, and the key was not sent."""
    with tile_server(certificate=make_certificate(tmp_path)) as server:
        with pytest.raises(DownloadError, match="can't be trusted") as caught:
            fetch(server.template, api_key=Secret(KEY))
        assert server.asked == []
    assert not caught.value.retryable
    assert "disable" not in caught.value.hint


def test_case_039_a_certificate_of_another_name_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trusted authority does not make another host's certificate this one's."""
    certificate = make_certificate(tmp_path, name="DNS:tiles.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tile_server(certificate=certificate) as server, pytest.raises(DownloadError, match="can't be trusted"):
        fetch(server.template)


def test_tls_works_with_an_authority_that_the_system_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private authority is trusted by the usual variable."""
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tile_server(certificate=certificate) as server:
        assert fetch(server.template, api_key=Secret(KEY)) == [Tile(TileId(10, 1, 7), JPEG)]


def test_case_040_from_https_to_http_is_never_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even to a listed host: who sits between would see which ground is asked for."""
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tile_server(certificate=certificate) as server, tile_server() as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        server.script = lambda _asked: Answer(status=302, headers={"Location": elsewhere})
        with pytest.raises(DownloadError, match="another host"):
            fetch(server.template, redirect_hosts=("localhost",))
        assert other.asked == []


def test_case_051_proxies_of_the_environment_are_not_used(server: TileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that nobody configured here sees nothing."""
    with tile_server() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert isinstance(fetch_one(server, Answer()), Tile)
        assert proxy.asked == []


def test_case_051_a_configured_proxy_is_used() -> None:
    """It gets the whole address, for a host that this machine could not reach itself."""
    with tile_server() as proxy:
        (result,) = fetch("http://tiles.invalid/{z}/{x}/{y}.jpg", proxy=proxy.url)
        assert isinstance(result, Tile)
        assert proxy.asked[0].path == "http://tiles.invalid/10/1/7.jpg"


def test_a_netrc_is_not_read(server: TileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password for this host in the user's file is not sent."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    fetch(server.template)
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("http://t.example/{z}/{x}/{y}", {"api_key": Secret(KEY)}),
        ("https://t.example/{z}/{x}/{y}?k={api_key}", {}),
        ("https://t.example/{z}/{x}/{y}", {"headers": {"Authorization": "Basic canary"}}),
        ("https://t.example/{z}/{x}/{y}", {"headers": {"cookie": "canary"}}),
        ("https://t.example/{z}/{x}/{y}", {"headers": {"X-A": "canary\r\nX-B: 1"}}),
        ("https://t.example/{z}/{x}/{y}", {"api_key": Secret("canary\nX-B: 1")}),
        ("https://t.example/{z}/{x}/{y}", {"api_key": Secret(KEY), "api_key_header": ""}),
        ("https://t.example/{z}/{x}/{y}", {"proxy": "http://canary:canary@proxy:3128"}),
        ("https://t.example/{z}/{x}/{y}", {"proxy": "canary"}),
        ("http://127.0.0.1/{z}/{x}/{y}", {"proxy": "http://proxy:3128", "api_key": Secret(KEY)}),
    ],
)
def test_settings_that_would_give_a_secret_away_or_make_no_sense_are_refused(url: str, settings: Any) -> None:
    """Before anything is sent, and without repeating a value."""
    with pytest.raises(ConfigError) as caught:
        provider(url, **settings)
    assert "canary" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]"])
def test_case_049_a_link_local_address_is_refused(host: str) -> None:
    """There clouds keep their machines' credentials, and nobody keeps tiles."""
    with pytest.raises(ConfigError, match="link-local"):
        check_address(f"http://{host}/latest", setting="xyz.url")


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost/a", True),
        ("http://127.0.0.2:80/a", True),
        ("http://[::1]/a", True),
        ("http://t.example/a", False),
        ("http://127.0.0.1.example/a", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, loopback: bool) -> None:
    """A name that begins like an address of this machine is not one."""
    origin = origin_of(url)
    assert origin is not None
    assert origin.is_loopback is loopback


def make_certificate(folder: Path, *, name: str = "IP:127.0.0.1") -> Path:
    """Return a file with a key and its self-signed certificate."""
    path = folder / "server.pem"
    key = folder / "key.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    subprocess.run(
        ["openssl", *made.split(), "-addext", f"subjectAltName={name}", "-keyout", key, "-out", path],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path
