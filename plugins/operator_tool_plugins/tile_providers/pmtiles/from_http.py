"""A PMTiles archive on a web server, of which only the parts are asked for that are needed (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from itertools import chain

import msgspec

from operator_tool.api import (
    ConfigError,
    DownloadError,
    Placeholder,
    RunContext,
    TileId,
    TileResult,
    TryAgainError,
    WantedTile,
)

from .._http.address import check_address
from .._http.engine import HttpEngine
from .._http.exchange import Reply, Request
from .._http.picture_reply import plain_etag, raise_for_server
from .._http.settings import WebSettings
from .._http.site import Site
from .archive import Archive
from .header import Span

_START_BYTES = 16 * 1024
"""The format has the header and the root directory in these first bytes."""
_SETTLED_AT_ONCE = 256
_API_KEY = "{api_key}"
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})", re.ASCII)


class _Seen(msgspec.Struct, frozen=True):
    """Which archive the server gave a part of."""

    size_bytes: int
    version: str
    """Its ETag; its date where the server gives none."""


class HttpSource:
    """Asks for one part of the archive a tile."""

    def __init__(self, url: str, settings: WebSettings, context: RunContext) -> None:
        if "{" in url.replace(_API_KEY, "") or "}" in url.replace(_API_KEY, ""):
            raise ConfigError(
                "pmtiles.url has placeholders, and an archive has one address",
                hint="Use --provider xyz for a template of tiles' addresses.",
            )
        wants_key = _API_KEY in url
        if wants_key and settings.api_key is None:
            raise ConfigError("pmtiles.url has {api_key}, and pmtiles.api_key is not set")
        check_address(url, setting="pmtiles.url")
        self.site = Site.of("pmtiles", url, settings, key_in_url=wants_key)
        self._url = url
        self._address = url.replace(_API_KEY, self.site.quoted_key)
        self._context = context
        self._engine = HttpEngine(self.site, settings, context)
        self._seen: _Seen | None = None
        self._start = b""

    @property
    def named(self) -> str:
        """The server's name."""
        return f"the archive of {self.site.host}"

    @property
    def version(self) -> str:
        """Its length and its ETag, or its date where the server gives none."""
        assert self._seen is not None
        return f"{self._seen.size_bytes}:{self._seen.version}"

    def open(self) -> int:
        """Ask for the archive's first bytes and return its length."""
        self._seen = None
        self._start = self._get(Span(0, _START_BYTES))
        assert self._seen is not None
        return self._seen.size_bytes

    def read(self, span: Span) -> bytes:
        """Return some bytes of the archive; the first ones are there already."""
        return self._start[span.offset : span.end] if span.end <= len(self._start) else self._get(span)

    def fetch(self, wanted: Iterator[WantedTile], archive: Archive) -> Iterator[TileResult]:
        """Yield results as they come in."""
        spans: dict[TileId, Span] = {}
        settled: deque[TileResult] = deque()

        def to_ask(tiles: Iterator[WantedTile]) -> Iterator[WantedTile]:
            """Yield the tiles that need a request; end early rather than keep back the results of many others."""
            for tile in tiles:
                place = archive.place(tile)
                if isinstance(place, Span):
                    spans[tile.id] = place
                    yield WantedTile(tile.id)
                else:
                    settled.append(place)
                    if len(settled) >= _SETTLED_AT_ONCE:
                        return

        def request_of(tile: WantedTile) -> Request:
            return self._request(spans[tile.id])

        def judge(tile: WantedTile, reply: Reply) -> TileResult:
            raise_for_server(reply, host=self.site.host, name=self.site.name)
            data = self._part(reply, spans[tile.id])
            placeholder = self._engine.no_tile.reason(reply)
            return Placeholder(tile.id, placeholder) if placeholder else archive.picture(tile.id, data)

        for tile in wanted:
            with closing(self._engine.fetch(to_ask(chain([tile], wanted)), request_of, judge)) as results:
                for result in results:
                    del spans[result.id]
                    yield result
                    while settled:
                        yield settled.popleft()
            while settled:
                yield settled.popleft()
            if self._context.cancelled.is_set():
                return

    def dataset(self, archive: Archive) -> str:
        """Return the address without the key, and which archive is there now."""
        return f"pmtiles:{self._url}:{archive.identity[:16]}"

    def close(self) -> None:
        """Nothing is held between two requests."""

    def _get(self, span: Span) -> bytes:
        reply = self._engine.get(self._request(span), max_bytes=span.length)
        try:
            return self._part(reply, span)
        except TryAgainError as error:
            raise DownloadError(error.message) from None

    def _request(self, span: Span) -> Request:
        headers = [b"Range: bytes=%d-%d" % (span.offset, span.end - 1)]
        # Only a strong ETag, which is quoted, may be asked for.
        if self._seen is not None and self._seen.version.startswith('"'):
            headers.append(b"If-Match: " + self._seen.version.encode("latin-1"))
        return Request(self._address, tuple(headers))

    def _part(self, reply: Reply, span: Span) -> bytes:
        """Return the bytes that were asked for, of the archive that was opened.

        Raises ``TryAgainError`` for other bytes, ``DownloadError`` where asking again would not help.
        """
        host, status = self.site.host, reply.status
        if status == 412 or (status == 416 and self._seen is not None):
            raise self._replaced()
        if status == 200:
            raise DownloadError(
                f"{host} sends the whole archive where a part of it was asked for (HTTP 200)",
                hint="Check pmtiles.url. Where it is right, the server does not serve ranges: download the archive and"
                " set pmtiles.path.",
                retryable=False,
            )
        if status != 206:
            raise DownloadError(
                f"{host} answered HTTP {status} to the request for a part of the archive",
                hint="Check pmtiles.url.",
                retryable=False,
            )
        encoding = reply.headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            raise DownloadError(
                f"{host} sends the archive in the encoding {encoding[:40]!r}, which was not asked for", retryable=False
            )
        match = _CONTENT_RANGE.fullmatch(reply.headers.get("content-range", ""))
        if match is None:
            raise TryAgainError(f"{host} does not say which part of the archive it sent")
        first, last, size_bytes = map(int, match.groups())
        seen = _Seen(size_bytes, plain_etag(reply) or reply.headers.get("last-modified", ""))
        if self._seen is None:
            self._seen = seen
        elif seen != self._seen:
            raise self._replaced()
        wanted_last = min(span.end, size_bytes) - 1
        if (first, last) != (span.offset, wanted_last) or reply.body is None or len(reply.body) != last + 1 - first:
            raise TryAgainError(f"{host} sent another part of the archive than was asked for")
        return reply.body

    def _replaced(self) -> DownloadError:
        return DownloadError(
            f"{self.named} was replaced while it was read",
            hint="Run the same command again. Where this repeats itself, the servers behind that name have copies that"
            " differ.",
        )
