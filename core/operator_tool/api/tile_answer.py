"""From an HTTP answer to what it says of a tile: the same for nearly every service of tiles."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import DownloadError
from .escaping import escape_controls
from .retry_after import retry_after_s
from .tile_pool import TryAgainError
from .tiles import Absent, Corrupt, NotModified, Refused, Tile, TileResult, WantedTile, sniff_picture_format

_NOT_THERE = (204, 404, 410)
_KEY_REFUSED = (401, 403)
_MAY_PASS = (408, 425, 429)


def tile_of_answer(tile: WantedTile, status: int, headers: Mapping[str, str], body: bytes) -> TileResult:
    """Return what an answer says of the tile; for the function that ``fetch_in_pool`` calls.

    A picture is a ``Tile`` with its ETag; 200 without one is ``Corrupt``, 304 ``NotModified``; 204, 404 and 410 are
    ``Absent``. Raises ``TryAgainError`` for what may pass: 408, 425, 429 and 5xx, with the wait that the server asks
    for; and ``DownloadError`` for a refused key: 401 and 403. Any other status is ``Refused``.
    """
    told = f"the tile service answered {status}"
    named = {name.lower(): value for name, value in headers.items()}
    if status == 200:
        if sniff_picture_format(body) is None:
            media_type = escape_controls(named.get("content-type", "something"), limit=40)
            return Corrupt(tile.id, f"the tile service sent {media_type} that is no picture")
        return Tile(tile.id, body, etag=named.get("etag"))
    if status == 304:
        return NotModified(tile.id)
    if status in _NOT_THERE:
        return Absent(tile.id, told)
    if status in _KEY_REFUSED:
        raise DownloadError(
            f"the tile service refused the key (answered {status})",
            hint="Check the provider's key, and that it is for these tiles.",
            retryable=False,
        )
    if status in _MAY_PASS or status >= 500:
        raise TryAgainError(told, pause_s=retry_after_s(named.get("retry-after")))
    return Refused(tile.id, told)
