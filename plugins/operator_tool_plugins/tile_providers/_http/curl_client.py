"""GET over libcurl: one handle per thread, every wait and every body bounded, nothing taken from the environment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from operator_tool.api import Deadline, DownloadError, TryAgainError

MAX_BODY_BYTES = 4 * 1024 * 1024
_CONNECT_TIMEOUT_S = 10.0
_WHOLE_TIMEOUT_S = 60.0
_LOW_SPEED_BYTES_PER_S = 1024
_LOW_SPEED_S = 20
_HEADERS_KEPT = frozenset({b"content-encoding", b"content-type", b"etag", b"retry-after"})


class Reply(msgspec.Struct, frozen=True):
    """What a server answered, whatever its status."""

    status: int
    headers: dict[str, str]
    """Of those that are kept, in lower case, values as they came (Latin-1)."""
    body: bytes | None
    """None when it was longer than the cap."""


class CurlClient:
    """Gets URLs of one host; may be called from any thread, and keeps a connection alive for each.

    Redirects are not followed, proxies and ``.netrc`` of the environment not used, certificates always checked.
    """

    def __init__(self, host: str, *, user_agent: str, deadline: Deadline, stopped: Callable[[], bool]) -> None:
        self._host = host
        self._user_agent = user_agent
        self._deadline = deadline
        self._stopped = stopped
        self._local = threading.local()
        self._transfers: list[_Transfer] = []

    def get(self, url: str, headers: Sequence[bytes] = ()) -> Reply:
        """Return the server's answer.

        Raises ``TryAgainError`` for what may pass (not reached, reset, cut short, too slow) and ``DownloadError`` when
        TLS fails. Neither says more of the URL than its host.
        """
        transfer: _Transfer | None = getattr(self._local, "transfer", None)
        if transfer is None:
            transfer = self._local.transfer = _Transfer(self._user_agent, self._stopped)
            self._transfers.append(transfer)
        return transfer.perform(url, headers, self._host, self._deadline.remaining_s(_WHOLE_TIMEOUT_S))

    def close(self) -> None:
        """Close the connections; no call may be running."""
        while self._transfers:
            self._transfers.pop().close()


class _Transfer:
    """One curl handle and what it is receiving."""

    def __init__(self, user_agent: str, stopped: Callable[[], bool]) -> None:
        import pycurl

        self._body = bytearray()
        self._headers: dict[str, str] = {}
        self._too_long = False
        self._curl = curl = pycurl.Curl()
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.NETRC, 0)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.NOSIGNAL, 1)
        # One request at a time on a connection of its own: HTTP/2 would have nothing to multiplex.
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
        curl.setopt(pycurl.SSL_VERIFYPEER, 1)
        curl.setopt(pycurl.SSL_VERIFYHOST, 2)
        for option, path in _certificates(pycurl):
            curl.setopt(option, path)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(_CONNECT_TIMEOUT_S * 1000))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, _LOW_SPEED_BYTES_PER_S)
        curl.setopt(pycurl.LOW_SPEED_TIME, _LOW_SPEED_S)
        curl.setopt(pycurl.USERAGENT, user_agent)
        curl.setopt(pycurl.WRITEFUNCTION, self._take_body)
        curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
        # libcurl asks at least once a second, so that a run that is given up ends within one.
        curl.setopt(pycurl.NOPROGRESS, 0)
        curl.setopt(pycurl.XFERINFOFUNCTION, lambda *_counts: 1 if stopped() else 0)

    def perform(self, url: str, headers: Sequence[bytes], host: str, timeout_s: float) -> Reply:
        import pycurl

        curl = self._curl
        self._body.clear()
        self._headers = {}
        self._too_long = False
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, [b"Accept-Encoding: identity", *headers])
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(timeout_s * 1000)))
        try:
            curl.perform()
        except pycurl.error as error:
            code, text = error.args
            if not self._too_long:
                raise _error(pycurl, code, text, host, curl.getinfo(pycurl.OS_ERRNO)) from None
        body = None if self._too_long else bytes(self._body)
        return Reply(curl.getinfo(pycurl.RESPONSE_CODE), self._headers, body)

    def close(self) -> None:
        self._curl.close()

    def _take_body(self, piece: bytes) -> int:
        if len(self._body) + len(piece) > MAX_BODY_BYTES:
            self._too_long = True
            return 0
        self._body += piece
        return len(piece)

    def _take_header(self, line: bytes) -> None:
        name, colon, value = line.partition(b":")
        if not colon and line.startswith(b"HTTP/"):
            # The answer proper begins after a 100 Continue.
            self._headers = {}
        elif (lower := name.strip().lower()) in _HEADERS_KEPT:
            self._headers[lower.decode()] = value.strip(b" \t\r\n").decode("latin-1")


def _error(pycurl: Any, code: int, text: str, host: str, os_errno: int) -> DownloadError | TryAgainError:
    """Return our error for libcurl's; its texts name hosts, ports and certificates, never a path or a query."""
    tls = (
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_ISSUER_ERROR,
    )
    # A connection that is reset during the handshake has the handshake's code, and an errno.
    if code in tls and not os_errno:
        return DownloadError(
            f"{host} can't be trusted: {text}",
            hint="Check the address, this machine's clock, and that the server's certificate is valid.",
            retryable=False,
        )
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return TryAgainError(f"{host} is too slow: {text}")
    return TryAgainError(f"{host} was not reached, or broke off: {text}")


def _certificates(pycurl: Any) -> list[tuple[int, str]]:
    """Return where the system keeps the authorities it trusts; libcurl's own guess is another system's."""
    import ssl

    paths = ssl.get_default_verify_paths()
    found = []
    if paths.cafile and Path(paths.cafile).is_file():
        found.append((pycurl.CAINFO, paths.cafile))
    if paths.capath and Path(paths.capath).is_dir() and any(Path(paths.capath).iterdir()):
        found.append((pycurl.CAPATH, paths.capath))
    if not found:
        import certifi

        found.append((pycurl.CAINFO, certifi.where()))
    return found
