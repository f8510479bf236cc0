"""What a failed transfer means: a server that is not trusted never passes, whatever failed before it."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import pycurl
import pytest

from operator_tool.api import ConfigError, DownloadError, Secret, Tile, TileId, Unreachable
from operator_tool_plugins.tile_providers._http import handle
from operator_tool_plugins.tile_providers._http.certificates import trust
from operator_tool_plugins.tile_providers._http.failure import StarvedError, TransferError, failure_of
from tests.plugins.tile_providers.http.asking import KEY, fetch, fetch_one, provider, wanted
from tests.plugins.tile_providers.http.test_trust import make_certificate
from tests.support.tile_server import JPEG, Answer, TileServer, tile_server

LINE = b"X-A: " + b"a" * 3_900 + b"\r\n"
STATUS = b"HTTP/1.1 200 OK\r\n"


class Curl:
    """A handle after a transfer that failed."""

    def __init__(self, *, os_errno: int = 0, connect_code: int = 0) -> None:
        self._known = {pycurl.OS_ERRNO: os_errno, pycurl.HTTP_CONNECTCODE: connect_code}

    def getinfo(self, what: int) -> int:
        return self._known[what]


def meaning(code: int, text: str, **known: int) -> type[Exception]:
    return type(failure_of(pycurl, Curl(**known), code, text, host="t.example", name="xyz"))


@pytest.mark.parametrize("os_errno", [0, errno.ECONNREFUSED, errno.ENETUNREACH, errno.ECONNRESET])
@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (pycurl.E_PEER_FAILED_VERIFICATION, "unable to get local issuer certificate", DownloadError),
        (pycurl.E_PEER_FAILED_VERIFICATION, "no alternative certificate subject name matches", DownloadError),
        (pycurl.E_SSL_CACERT_BADFILE, "error adding trust anchors", DownloadError),
        (pycurl.E_SSL_CONNECT_ERROR, "error:0A00010B:SSL routines::wrong version number", DownloadError),
        (pycurl.E_SSL_CONNECT_ERROR, "error:0A000410:SSL routines::ssl/tls alert handshake failure", DownloadError),
        (pycurl.E_SSL_CONNECT_ERROR, "OpenSSL SSL_connect: Connection reset by peer", TransferError),
        (pycurl.E_SSL_CONNECT_ERROR, "OpenSSL SSL_connect: SSL_ERROR_SYSCALL", TransferError),
        (pycurl.E_SSL_CONNECT_ERROR, "error:0A000126:SSL routines::unexpected eof while reading", TransferError),
        (pycurl.E_RECV_ERROR, "Recv failure: Connection reset by peer", TransferError),
    ],
)
def test_what_failed_is_told_by_its_code_and_words_whatever_errno_an_earlier_address_left(
    code: int, text: str, os_errno: int, expected: type[Exception]
) -> None:
    """Dead IPv6 before IPv4 is the rule in the field."""
    assert meaning(code, text, os_errno=os_errno) is expected


def test_a_connection_that_was_never_tried_is_this_machines_want(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an errno, with one that says so, and with a leaked one while no descriptor is left."""
    assert meaning(pycurl.E_COULDNT_CONNECT, "no") is StarvedError
    assert meaning(pycurl.E_COULDNT_CONNECT, "no", os_errno=errno.EMFILE) is StarvedError
    assert meaning(pycurl.E_COULDNT_CONNECT, "no", os_errno=errno.ECONNREFUSED) is TransferError

    def none_left(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", none_left)
    assert meaning(pycurl.E_COULDNT_CONNECT, "no", os_errno=errno.ECONNREFUSED) is StarvedError


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_will_not_connect_is_not_asked_again(status: int) -> None:
    """It says the same to each request."""
    assert meaning(pycurl.E_RECV_ERROR, "CONNECT tunnel failed", connect_code=status) is DownloadError
    assert meaning(pycurl.E_RECV_ERROR, "CONNECT tunnel failed", connect_code=502) is TransferError


def test_an_untrusted_server_behind_a_dead_address_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with two addresses; nothing listens at the first one."""
    with tile_server(certificate=make_certificate(tmp_path, name="DNS:t.example")) as server:

        def trust_and_resolve(curl: Any, of: Any, ca_file: Path | None) -> None:
            trust(curl, of, ca_file)
            curl.setopt(pycurl.RESOLVE, [f"t.example:{server.port}:127.0.0.9,127.0.0.1"])

        monkeypatch.setattr(handle, "trust", trust_and_resolve)
        template = server.template.replace("127.0.0.1", "t.example")
        with pytest.raises(DownloadError) as caught:
            fetch(template, wanted(1, 2, 3), max_connections=1)
        assert not caught.value.retryable
        assert "xyz.ca_file" in caught.value.hint
        assert [type(one) for one in fetch(template, ca_file=tmp_path / "server.pem")] == [Tile]


def test_an_authority_of_ones_own_is_named_by_a_setting(tmp_path: Path) -> None:
    """It is trusted instead of the system's."""
    certificate = make_certificate(tmp_path)
    with tile_server(certificate=certificate) as server:
        assert fetch(server.template, api_key=Secret(KEY), ca_file=certificate) == [Tile(TileId(10, 1, 7), JPEG)]


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_of_authorities_that_holds_none_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """Before anything is asked, by the setting's name."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    for wrong in (path, tmp_path):
        with pytest.raises(ConfigError) as caught:
            provider("https://t.example/{z}/{x}/{y}", ca_file=wrong)
        assert "xyz.ca_file" in caught.value.message


def test_a_key_without_a_certificate_is_no_authority(tmp_path: Path) -> None:
    """The wrong one of two files."""
    make_certificate(tmp_path)
    with pytest.raises(ConfigError):
        provider("https://t.example/{z}/{x}/{y}", ca_file=tmp_path / "key.pem")


@pytest.mark.parametrize(
    "endless",
    [
        STATUS + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" + LINE * 70,
        STATUS + LINE * 70,
        STATUS + b"A: b\r\n" * 3_000,
        b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 1_500,
    ],
    ids=["trailers", "long headers", "many headers", "interim answers"],
)
def test_headers_and_trailers_are_bounded(server: TileServer, endless: bytes) -> None:
    """By the tool itself: old versions of libcurl let trailers grow without an end."""
    result: Any = fetch_one(server, Answer(raw=endless))
    assert isinstance(result, Unreachable)
    assert "without an end" in result.reason
