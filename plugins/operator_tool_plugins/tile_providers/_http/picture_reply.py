"""What a server's answer to the request for one picture means."""

from __future__ import annotations

from operator_tool.api import (
    Absent,
    DownloadError,
    Failed,
    NotModified,
    Tile,
    TileResult,
    TryAgainError,
    WantedTile,
    sniff_picture_format,
)

from .curl_client import MAX_BODY_BYTES, Reply
from .retry_after import retry_after_s

LONGEST_PAUSE_S = 120.0
"""A server that asks for a longer wait ends the download, which can be taken up again later."""
_MAX_ETAG_CHARACTERS = 1024


def tile_result(tile: WantedTile, reply: Reply, *, host: str) -> TileResult:
    """Return what a reply says of a tile; raise ``DownloadError`` or ``TryAgainError`` when it is of the whole server.

    No error holds more of the request than ``host``.
    """
    status = reply.status
    if status == 200:
        return _picture(tile, reply)
    if status in (204, 404, 410):
        return Absent(tile.id, f"HTTP {status}")
    if status == 304 and tile.etag is not None:
        return NotModified(tile.id)
    if status in (401, 403):
        raise DownloadError(
            f"{host} refused the request (HTTP {status})",
            hint="Check the provider's api_key and what it allows; the tiles that were stored are kept.",
            retryable=False,
        )
    if status in (301, 302, 303, 307, 308):
        raise DownloadError(
            f"{host} redirects (HTTP {status}), and redirects are not followed",
            hint="Set the provider's url to where the tiles are.",
            retryable=False,
        )
    if status in (408, 429) or status >= 500:
        pause_s = retry_after_s(reply.headers.get("retry-after")) if status in (429, 503) else None
        if pause_s is not None and pause_s > LONGEST_PAUSE_S:
            raise DownloadError(
                f"{host} asks to wait {pause_s:,.0f} s (HTTP {status})", hint="Run the same command again after that."
            )
        raise TryAgainError(f"{host} answered HTTP {status}", pause_s=pause_s)
    return Failed(tile.id, f"{host} answered HTTP {status}")


def looks_like_html(reply: Reply) -> bool:
    """Say whether a 200 holds a web page: of a quota, a captcha or a login."""
    if reply.status != 200 or not reply.body or sniff_picture_format(reply.body) is not None:
        return False
    return _media_type(reply) in ("text/html", "application/xhtml+xml") or reply.body.lstrip()[:1] == b"<"


def _picture(tile: WantedTile, reply: Reply) -> TileResult:
    data = reply.body
    if data is None:
        return Failed(tile.id, f"longer than {MAX_BODY_BYTES >> 20} MiB")
    encoding = reply.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        return Failed(tile.id, f"sent in the encoding {encoding[:40]!r}, which was not asked for")
    if looks_like_html(reply):
        return Failed(tile.id, "HTML instead of a picture")
    if sniff_picture_format(data) is None:
        return Failed(tile.id, f"{_media_type(reply)[:80]!r} instead of a picture, {len(data)} bytes")
    etag = reply.headers.get("etag")
    # An ETag is kept with the tile and sent back: one that is not plain text of a sane length is as good as none.
    if etag is not None and not (etag.isprintable() and 0 < len(etag) <= _MAX_ETAG_CHARACTERS):
        etag = None
    return Tile(tile.id, data, etag)


def _media_type(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()
