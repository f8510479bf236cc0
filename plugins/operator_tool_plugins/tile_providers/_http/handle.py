"""One transfer at a time over one curl handle: every wait and every body bounded, nothing from the environment."""

from __future__ import annotations

from typing import Any

from operator_tool.api import DownloadError

from .address import on_the_wire
from .certificates import trust
from .exchange import Reply, Request
from .failure import TransferError, failure_of
from .packed_body import unpacked
from .site import Site

MAX_BODY_BYTES = 4 * 1024 * 1024
"""More than any tile has."""
CONNECT_TIMEOUT_S = 10.0
WHOLE_TIMEOUT_S = 60.0
MAX_HEADER_BYTES = 256 * 1024
"""All the headers of one answer, with those of the answers before it (1xx) and its trailers; real ones have some kB."""
_MAX_HEADER_LINES = 2_000
_LOW_SPEED_BYTES_PER_S = 1024
_LOW_SPEED_S = 20
_ACCEPT = b"Accept-Encoding: identity"
_KEPT = frozenset(
    {"content-encoding", "content-range", "content-type", "date", "etag", "last-modified", "location", "retry-after"}
)


class Handle:
    """A curl handle, used again and again so that its connection is."""

    def __init__(self, pycurl: Any, site: Site, *, user_agent: str, keep: frozenset[str]) -> None:
        self._pycurl = pycurl
        self._site = site
        self._keep = {name.encode("latin-1"): name for name in _KEPT | keep}
        self._body: list[bytes] = []
        self._length = 0
        self._cap = MAX_BODY_BYTES
        self._too_long = False
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._header_lines = 0
        self._too_many_headers = False
        self._headers_set: tuple[bytes, ...] | None = None
        self._posts = False
        self.began_s = 0.0
        """When the transfer that is under way was started."""
        self.curl = curl = pycurl.Curl()
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.NETRC, 0)
        curl.setopt(pycurl.PROXY, site.proxy)
        curl.setopt(pycurl.NOPROXY, "" if site.proxy else "*")
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        curl.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
        trust(curl, pycurl, site.ca_file)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(CONNECT_TIMEOUT_S * 1000))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, _LOW_SPEED_BYTES_PER_S)
        curl.setopt(pycurl.LOW_SPEED_TIME, _LOW_SPEED_S)
        curl.setopt(pycurl.USERAGENT, user_agent)
        curl.setopt(pycurl.BUFFERSIZE, 128 * 1024)
        curl.setopt(pycurl.WRITEFUNCTION, self._take_body)
        curl.setopt(pycurl.HEADERFUNCTION, self._take_header)

    def prepare(self, request: Request, headers: tuple[bytes, ...], *, cap_bytes: int, timeout_s: float) -> None:
        """Make the handle ready for a request; ``headers`` are all its lines but the one on encodings."""
        pycurl, curl = self._pycurl, self.curl
        self._body.clear()
        self._headers = {}
        self._header_bytes = self._header_lines = 0
        self._too_many_headers = False
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
        headers = self._headers
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
        if self._too_long:
            return None
        host = self._site.host
        if self._too_many_headers:
            return TransferError(f"{host} sends headers or trailers without an end")
        return failure_of(self._pycurl, self.curl, code, text, host=host, name=self._site.name)

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

    def _take_header(self, line: bytes) -> int | None:
        """Keep what is read of a header, of a trailer as well; cut the transfer off when there are too many."""
        self._header_bytes += len(line)
        self._header_lines += 1
        if self._header_bytes > MAX_HEADER_BYTES or self._header_lines > _MAX_HEADER_LINES:
            self._too_many_headers = True
            return 0
        name, colon, value = line.partition(b":")
        if colon:
            kept = self._keep.get(name.lower())
            if kept is not None:
                self._headers[kept] = value.strip(b" \t\r\n").decode("latin-1")
        elif line.startswith(b"HTTP/"):
            self._headers.clear()  # the answer proper begins after a 100 Continue
        return None
