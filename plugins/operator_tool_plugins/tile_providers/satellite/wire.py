"""What an inventory is asked and what it answers, in the two forms that services speak."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import msgspec

from operator_tool.api import WantedTile, escape_controls

from .._http.address import without_queries

_LONGEST_DATE = 80
_LONGEST_TEXT = 4096
_SHOWN_CHARACTERS = 200
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class AnotherListError(Exception):
    """The inventory's answer is JSON, but not what is said of the tiles that it was asked about."""


class NotJsonError(Exception):
    """The inventory's answer is no JSON; the message says what it is."""


class WireForm(msgspec.Struct, frozen=True):
    """One form: what it calls a tile's zoom, column and row, and how many tiles it takes in a call."""

    z: str
    x: str
    y: str
    most_tiles: int

    def body(self, tiles: Sequence[WantedTile]) -> bytes:
        """Return the body that asks about these tiles."""
        rows = [{self.z: tile.id.z, self.x: tile.id.x, self.y: tile.id.y} for tile in tiles]
        return msgspec.json.encode({"tiles": rows})


NEWER = WireForm("z", "x", "y", 1_000)
OLDER = WireForm("tileZoom", "tileX", "tileY", 5_000)


class Holding(msgspec.Struct, frozen=True, gc=False):
    """What the inventory says of one tile."""

    present: bool
    etag: str | None = None
    imagery_date: str | None = None
    """When the imagery was taken, as the service says it."""


class Problem(msgspec.Struct, frozen=True):
    """Why a request was refused, for people, and how many tiles would not be too many, where it says so."""

    text: str = ""
    most_tiles: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    results: msgspec.Raw = msgspec.Raw()
    tiles: msgspec.Raw = msgspec.Raw()


class _Row(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One tile of an answer; what only may be there stays raw, so that no odd type of it costs the answer."""

    present: bool
    z: int | None = None
    x: int | None = None
    y: int | None = None
    tile_zoom: int | None = None
    tile_x: int | None = None
    tile_y: int | None = None
    etag: msgspec.Raw = msgspec.Raw()
    imagery_date: msgspec.Raw = msgspec.Raw()
    imagery_date_snake: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="imagery_date")
    captured_at: msgspec.Raw = msgspec.Raw()
    captured_at_snake: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="captured_at")


class _ProblemDocument(msgspec.Struct, frozen=True, rename="camel"):
    title: msgspec.Raw = msgspec.Raw()
    detail: msgspec.Raw = msgspec.Raw()
    limit: msgspec.Raw = msgspec.Raw()
    max_items: msgspec.Raw = msgspec.Raw()


def read_holdings(body: bytes, tiles: Sequence[WantedTile]) -> list[Holding]:
    """Return what an answer says of the tiles that were asked about, in their order.

    Raises ``AnotherListError`` when it is of others, or of another number, or lacks what each must have;
    ``NotJsonError`` when it is no JSON at all.
    """
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        listed = answer.results or answer.tiles
        if not listed:
            raise AnotherListError("neither results nor tiles are in it")
        rows = msgspec.json.decode(listed, type=list[_Row])
    except msgspec.ValidationError as error:
        raise AnotherListError(str(error)) from None
    except _NO_JSON:
        raise NotJsonError(_kind(body)) from None
    if len(rows) != len(tiles):
        raise AnotherListError(f"{len(rows):,} entries for {len(tiles):,} tiles")
    for row, tile in zip(rows, tiles, strict=True):
        if not _is_of(row, tile):
            raise AnotherListError(f"another tile where {tile.id} was asked for")
    return [_holding(row) for row in rows]


def read_problem(status: int, body: bytes | None) -> Problem:
    """Return what the body of a refusal says (RFC 7807), harmless and short; the status alone where it says nothing."""
    try:
        document = msgspec.json.decode(body or b"", type=_ProblemDocument)
    except _NO_JSON:
        return Problem(f"HTTP {status}")
    words = [text for raw in (document.title, document.detail) if (text := _text(raw, _LONGEST_TEXT))]
    said = escape_controls(without_queries(": ".join([f"HTTP {status}", *words])))
    # Cut between words: half a key, should the service repeat it, would not be recognised and redacted.
    shown = textwrap.shorten(said, _SHOWN_CHARACTERS, placeholder=" …", break_long_words=False, break_on_hyphens=False)
    return Problem(shown, _count(document.limit) or _count(document.max_items))


def _is_of(row: _Row, tile: WantedTile) -> bool:
    """Say whether every coordinate that an entry has is the tile's; an entry needs none, for the order tells."""
    wanted = (tile.id.z, tile.id.x, tile.id.y)
    return all(
        given in (None, number)
        for names in ((row.z, row.x, row.y), (row.tile_zoom, row.tile_x, row.tile_y))
        for given, number in zip(names, wanted, strict=True)
    )


def _holding(row: _Row) -> Holding:
    dates = (row.imagery_date, row.imagery_date_snake, row.captured_at, row.captured_at_snake)
    date = next((text for raw in dates if (text := _text(raw, _LONGEST_DATE)) and text.isprintable()), None)
    return Holding(row.present, _text(row.etag, _LONGEST_TEXT), date)


def _text(raw: msgspec.Raw, longest: int) -> str | None:
    """Return a member's text; None where it is absent, empty, too long, or no text."""
    if not raw:
        return None
    try:
        text = msgspec.json.decode(raw, type=str)
    except _NO_JSON:
        return None
    return text if 0 < len(text) <= longest else None


def _count(raw: msgspec.Raw) -> int | None:
    """Return a member's number; None where it is absent or no sane number of tiles."""
    if not raw:
        return None
    try:
        number = msgspec.json.decode(raw, type=int)
    except _NO_JSON:
        return None
    return number if 0 < number <= OLDER.most_tiles else None


def _kind(body: bytes) -> str:
    if body.lstrip()[:1] == b"<":
        return "HTML"
    return f"{len(body):,} bytes" if body else "nothing"
