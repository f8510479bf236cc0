"""What a server's answer to the request for one picture means."""

from __future__ import annotations

from operator_tool.api import (
    Absent,
    Corrupt,
    DownloadError,
    NotModified,
    Placeholder,
    Refused,
    Tile,
    TileResult,
    TryAgainError,
    WantedTile,
    escape_controls,
    retry_after_s,
    sniff_picture_format,
)

from .exchange import Reply
from .handle import MAX_BODY_BYTES
from .no_tile import NoTile
from .refusal import REFUSALS, Doubtful, refusal_of, says_no_such_object

_MAX_ETAG_CHARACTERS = 1024


class ThrottledError(TryAgainError):
    """The server has too much to do (429, 503): the whole provider pauses, ``pause_s`` long where it says so."""


class BusyError(TryAgainError):
    """A 503 that names no wait: of the whole server, or of this one request; how many there are tells."""


class GatewayError(TryAgainError):
    """Somebody on the way answered that the server itself does not (502, 504)."""


def tile_result(tile: WantedTile, reply: Reply, *, host: str, name: str, no_tile: NoTile) -> TileResult | Doubtful:
    """Return what a reply says of a tile; raise ``DownloadError`` or ``TryAgainError`` when it is of the whole server.

    Raises ``RefusalError`` where only the other answers tell which. ``name`` is the provider's. No text holds more of
    the request than ``host``.
    """
    status = reply.status
    if status in no_tile.status:
        return Absent(tile.id, f"HTTP {status}, which {name}.absent_status names")
    if says_no_such_object(reply):
        return Absent(tile.id, f"the storage says that there is no such object (HTTP {status})")
    if status in REFUSALS:
        raise refusal_of(reply, Refused(tile.id, ""), host=host, name=name)
    raise_for_server(reply, host=host, name=name)
    if status in (204, 404, 410):
        return Absent(tile.id, f"HTTP {status}")
    if status == 304 and tile.etag is not None:
        return NotModified(tile.id)
    if status == 400:
        return Doubtful(Absent(tile.id, "HTTP 400"), Corrupt(tile.id, f"{host} answered HTTP 400"))
    if status != 200:
        return Corrupt(tile.id, f"{host} answered HTTP {status}")
    placeholder = no_tile.reason(reply)
    if placeholder is not None:
        return Placeholder(tile.id, placeholder)
    if reply.body == b"":
        said = "an empty answer (HTTP 200)"
        return Doubtful(Absent(tile.id, said), Corrupt(tile.id, f"{host} gave {said}"))
    return picture(tile, reply)


def raise_for_server(reply: Reply, *, host: str, name: str) -> None:
    """Raise what a status says of the whole server: refused, throttled, failing. Returns for all others."""
    status = reply.status
    if status in (401, 403):
        raise refusal_of(reply, None, host=host, name=name)
    if status == 407:
        raise DownloadError(
            f"the proxy of {name} wants a user and a password (HTTP {status}), and none are sent to a proxy",
            hint=f"Check {name}.proxy: name one that asks for none.",
            retryable=False,
        )
    if status in (429, 503):
        pause_s = retry_after_s(reply.headers.get("retry-after"))
        if status == 503 and pause_s is None:
            raise BusyError(f"{host} answered HTTP {status}")
        raise ThrottledError(f"{host} answered HTTP {status}", pause_s=pause_s)
    if status in (502, 504):
        raise GatewayError(f"{host} answered HTTP {status}")
    if status == 408 or status >= 500:
        raise TryAgainError(f"{host} answered HTTP {status}")


def picture(tile: WantedTile, reply: Reply) -> TileResult:
    """Return the tile of a reply whose status says that it holds one."""
    data = reply.body
    if data is None:
        return Corrupt(tile.id, f"longer than {MAX_BODY_BYTES >> 20} MiB")
    encoding = reply.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        return Corrupt(tile.id, f"in the encoding {escape_controls(encoding[:40])!r}, which is not read")
    if sniff_picture_format(data) is None:
        if looks_like_html(reply):
            return Corrupt(tile.id, "HTML instead of a picture")
        media_type = escape_controls(_media_type(reply)[:80])
        return Corrupt(tile.id, f"{media_type!r} instead of a picture, {len(data)} bytes")
    return Tile(tile.id, data, plain_etag(reply))


def plain_etag(reply: Reply) -> str | None:
    """Return a reply's ETag, byte for byte; None for one that is not plain text of a sane length."""
    etag = reply.headers.get("etag")
    return etag if etag is not None and etag.isprintable() and 0 < len(etag) <= _MAX_ETAG_CHARACTERS else None


def looks_like_html(reply: Reply) -> bool:
    """Say whether a 200 holds a web page: of a quota, a captcha or a login."""
    if reply.status != 200 or not reply.body or sniff_picture_format(reply.body) is not None:
        return False
    return _media_type(reply) in ("text/html", "application/xhtml+xml") or reply.body.lstrip()[:1] == b"<"


def _media_type(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()
