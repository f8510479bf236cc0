"""One transfer at a time over one curl handle: every wait and every body bounded, nothing from the environment."""

from __future__ import annotations

from typing import Any

from operator_tool.api import DownloadError, OperatorToolError

from .address import on_the_wire
from .certificates import certificates
from .exchange import Reply, Request
from .packed_body import unpacked

MAX_BODY_BYTES = 4 * 1024 * 1024
"""More than any tile has."""
CONNECT_TIMEOUT_S = 10.0
WHOLE_TIMEOUT_S = 60.0
_LOW_SPEED_BYTES_PER_S = 1024
_LOW_SPEED_S = 20
_ACCEPT = b"Accept-Encoding: identity"
_KEPT = frozenset(
    {"content-encoding", "content-range", "content-type", "date", "etag", "last-modified", "location", "retry-after"}
)


class TransferError(OperatorToolError):
    """One transfer failed in a way that may pass; ``overloaded`` where the server had too much to do."""

    def __init__(self, message: str, *, overloaded: bool = False) -> None:
        super().__init__(message)
        self.overloaded = overloaded


class StarvedError(TransferError):
    """This machine could not open one more connection: no descriptor, no memory, no port."""

    def __init__(self, message: str) -> None:
        super().__init__(message, overloaded=True)


class Handle:
    """A curl handle, used again and again so that its connection is."""

    def __init__(self, pycurl: Any, *, host: str, user_agent: str, proxy: str, keep: frozenset[str]) -> None:
        self._pycurl = pycurl
        self._host = host
        self._keep = {name.encode("latin-1"): name for name in _KEPT | keep}
        self._body: list[bytes] = []
        self._length = 0
        self._cap = MAX_BODY_BYTES
        self._too_long = False
        self._lines: list[bytes] = []
        self._headers_set: tuple[bytes, ...] | None = None
        self._posts = False
        self.began_s = 0.0
        """When the transfer that is under way was started."""
        self.curl = curl = pycurl.Curl()
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.NETRC, 0)
        curl.setopt(pycurl.PROXY, proxy)
        curl.setopt(pycurl.NOPROXY, "" if proxy else "*")
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        curl.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
        curl.setopt(pycurl.SSL_VERIFYPEER, 1)
        curl.setopt(pycurl.SSL_VERIFYHOST, 2)
        for option, path in certificates(pycurl):
            curl.setopt(option, path)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(CONNECT_TIMEOUT_S * 1000))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, _LOW_SPEED_BYTES_PER_S)
        curl.setopt(pycurl.LOW_SPEED_TIME, _LOW_SPEED_S)
        curl.setopt(pycurl.USERAGENT, user_agent)
        curl.setopt(pycurl.BUFFERSIZE, 128 * 1024)
        curl.setopt(pycurl.WRITEFUNCTION, self._take_body)
        curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)

    def prepare(self, request: Request, headers: tuple[bytes, ...], *, cap_bytes: int, timeout_s: float) -> None:
        """Make the handle ready for a request; ``headers`` are all its lines but the one on encodings."""
        pycurl, curl = self._pycurl, self.curl
        self._body.clear()
        self._lines.clear()
        self._length = 0
        self._cap = cap_bytes
        self._too_long = False
        curl.setopt(pycurl.URL, on_the_wire(request.url))
        # HTTP/2 where TLS negotiates it: then requests share a connection, and wait for one rather than open more.
        curl.setopt(pycurl.PIPEWAIT, 1 if request.url.startswith("https:") else 0)
        if headers != self._headers_set:
            curl.setopt(pycurl.HTTPHEADER, [_ACCEPT, *headers])
            self._headers_set = headers
        if request.body is not None:
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDS, request.body)
            self._posts = True
        elif self._posts:
            curl.setopt(pycurl.HTTPGET, 1)
            self._posts = False
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(timeout_s * 1000)))

    def reply(self) -> Reply:
        """Return what was answered, after a transfer that ended well; a gzip body unpacked, if it is a whole one."""
        status = self.curl.getinfo(self._pycurl.RESPONSE_CODE)
        headers = self._kept_headers()
        body = None if self._too_long else b"".join(self._body)
        self._body.clear()
        if body and status == 200 and headers.get("content-encoding", "").lower() == "gzip":
            data = unpacked(body, cap_bytes=self._cap)
            if data is not None:
                del headers["content-encoding"]
                body = data if len(data) <= self._cap else None
        return Reply(status, headers, body)

    def failure(self, code: int, text: str) -> TransferError | DownloadError | None:
        """Return why a transfer failed; None when it was only cut off for its length, and so has a reply."""
        return None if self._too_long else _error(self._pycurl, self.curl, code, text, self._host)

    def close(self) -> None:
        """Free the handle."""
        self.curl.close()

    def _take_body(self, piece: bytes) -> int:
        self._length += len(piece)
        if self._length > self._cap:
            self._too_long = True
            self._body.clear()
            return 0
        self._body.append(piece)
        return len(piece)

    def _kept_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for line in self._lines:
            name, colon, value = line.partition(b":")
            if colon:
                kept = self._keep.get(name.lower())
                if kept is not None:
                    headers[kept] = value.strip(b" \t\r\n").decode("latin-1")
            elif line.startswith(b"HTTP/"):
                headers.clear()  # the answer proper begins after a 100 Continue
        return headers


def _error(pycurl: Any, curl: Any, code: int, text: str, host: str) -> TransferError | DownloadError:
    """Return our error for libcurl's; its texts name hosts, ports and certificates, never a path or a query."""
    tls = (
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_ISSUER_ERROR,
    )
    # A connection that is reset during the handshake has the handshake's code, and an errno.
    if code in tls and not curl.getinfo(pycurl.OS_ERRNO):
        return DownloadError(
            f"{host} can't be trusted: {text}",
            hint="Check the address, this machine's clock, and that the server's certificate is valid.",
            retryable=False,
        )
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return TransferError(f"{host} is too slow: {text}", overloaded=True)
    # A connection that failed without any error of the system's was never tried: there is no descriptor for it.
    # A proxy that answered, but would not connect, was reached.
    untried = (
        code == pycurl.E_COULDNT_CONNECT
        and not curl.getinfo(pycurl.OS_ERRNO)
        and not curl.getinfo(pycurl.HTTP_CONNECTCODE)
    )
    if untried or code in (pycurl.E_OUT_OF_MEMORY, pycurl.E_FAILED_INIT):
        return StarvedError(f"this machine can open no more connections to {host}: {text}")
    return TransferError(f"{host} was not reached, or broke off: {text}")
