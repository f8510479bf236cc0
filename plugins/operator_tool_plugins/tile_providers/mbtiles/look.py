"""A first look at an MBTiles file: what its metadata say, and what its rows show, which count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from operator_tool.api import MAX_ZOOM, ConfigError, sniff_picture_format

from .._tile_places import ZoomPlaces
from .database import Database, GivenUpError, ValueTooLongError

if TYPE_CHECKING:
    import sqlite3

MAX_TILE_BYTES = 4 * 1024 * 1024
_MAX_METADATA_ROWS = 1_000
_MAX_METADATA_CHARACTERS = 64 * 1024
_COUNTING_S = 1.0
"""So long are rows counted; of a file with more than that only the zooms at its ends are known."""
_FIRST_ROW = (
    "SELECT typeof(zoom_level), zoom_level, typeof(tile_column), tile_column, typeof(tile_row), tile_row FROM tiles"
    " LIMIT 1"
)
_ALL_PLACES = (
    "SELECT CAST(zoom_level AS INTEGER), min(CAST(tile_column AS INTEGER)), max(CAST(tile_column AS INTEGER)),"
    " min(CAST(tile_row AS INTEGER)), max(CAST(tile_row AS INTEGER)) FROM tiles GROUP BY zoom_level LIMIT 100"
)
_ENDS = (
    "SELECT zoom_level FROM tiles WHERE zoom_level IS NOT NULL ORDER BY zoom_level LIMIT 1",
    "SELECT zoom_level FROM tiles WHERE zoom_level IS NOT NULL ORDER BY zoom_level DESC LIMIT 1",
)
_ENDS_OF_TEXT = (
    "SELECT min(CAST(zoom_level AS INTEGER)) FROM tiles",
    "SELECT max(CAST(zoom_level AS INTEGER)) FROM tiles",
)
_COLUMNS = ("zoom_level", "tile_column", "tile_row")
_PLAIN_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a file."""

    metadata: dict[str, str]
    zooms: tuple[int, int]
    """The coarsest and the finest that it has tiles of, at most ``MAX_ZOOM``."""
    places: tuple[ZoomPlaces, ...]
    """Where the tiles of each zoom lie, rows as the file has them taken to be counted from the north; empty where
    there are too many rows to look at all."""
    samples: tuple[bytes, ...]
    """A tile of each zoom, coarsest first, as far as one can be read."""
    as_text: tuple[bool, bool, bool]
    """Whether zoom, column and row are kept as text."""

    def keys(self, z: int, x: int, row: int) -> tuple[int | str, ...]:
        """Return zoom, column and row as the file keeps them."""
        return tuple(str(value) if text else value for value, text in zip((z, x, row), self.as_text, strict=True))


def look_at(database: Database, named: str) -> Look:
    """Look at a file. Raises what ``Database.reading`` does, and ``ConfigError`` for one without a tile."""
    try:
        with database.reading() as connection:
            as_text = _as_text(connection, named)
            metadata = _metadata(connection)
    except ValueTooLongError:
        raise ConfigError(
            f"{named} is not laid out as an MBTiles file is: its metadata are too long to be any"
        ) from None
    places = _places(database)
    with database.reading() as connection:
        zooms = tuple(one.z for one in places) or _ends(connection, is_text=as_text[0])
    have = [z for z in zooms if 0 <= z <= MAX_ZOOM]
    if not have:
        raise ConfigError(
            f"{named} holds tiles of the zooms {zooms[0]} to {zooms[-1]} alone, and 0 to {MAX_ZOOM} are used"
        )
    samples = (_sample(database, str(z) if as_text[0] else z) for z in have)
    return Look(
        metadata=metadata,
        zooms=(have[0], have[-1]),
        places=tuple(one for one in places if 0 <= one.z <= MAX_ZOOM),
        samples=tuple(sample for sample in samples if sample),
        as_text=as_text,
    )


def _as_text(connection: sqlite3.Connection, named: str) -> tuple[bool, bool, bool]:
    """Return which columns hold their numbers as text, by the first row."""
    rows = connection.execute(_FIRST_ROW).fetchall()
    if not rows:
        raise ConfigError(
            f"{named} holds no tile at all",
            hint="Check that what wrote it came to its end, or copy it again from where it came.",
        )
    found = []
    for name, kind, value in zip(_COLUMNS, rows[0][::2], rows[0][1::2], strict=True):
        number = isinstance(value, int | float) or (isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value))
        if not number:
            raise ConfigError(
                f"the tiles of {named} have {kind} in {name}, {str(value)[:40]!r}, and no number: none can be found",
                hint=f"Write it again with whole numbers in {name}, as MBTiles has it.",
            )
        found.append(kind == "text")
    return found[0], found[1], found[2]


def _metadata(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the file's metadata, as far as there are any: files without that table are about too."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'metadata'").fetchall():
        return {}
    rows = connection.execute(
        "SELECT name, substr(value, 1, ?) FROM metadata LIMIT ?", (_MAX_METADATA_CHARACTERS, _MAX_METADATA_ROWS)
    )
    return {str(name): str(value).strip() for name, value in rows if name is not None and value is not None}


def _places(database: Database) -> tuple[ZoomPlaces, ...]:
    """Return where the tiles of each zoom lie; nothing where there are too many to look at each row."""
    try:
        with database.reading(within_s=_COUNTING_S) as connection:
            rows = connection.execute(_ALL_PLACES).fetchall()
    except GivenUpError:
        return ()
    return tuple(sorted((ZoomPlaces(*row) for row in rows if None not in row), key=lambda one: one.z))


def _ends(connection: sqlite3.Connection, *, is_text: bool) -> tuple[int, ...]:
    """Return the zooms at both ends, each answered from the end of an index where there is one."""
    asked = _ENDS_OF_TEXT if is_text else _ENDS
    return tuple(int(connection.execute(sql).fetchone()[0]) for sql in asked)


def has_rows(database: Database, look: Look, z: int, rows: tuple[int, int]) -> bool:
    """Say whether a zoom has any tile within these rows; also yes where it takes long to find out."""
    if look.places:
        return any(one.min_y <= rows[1] and one.max_y >= rows[0] for one in look.places if one.z == z)
    sql = "SELECT 1 FROM tiles WHERE zoom_level = ? AND CAST(tile_row AS INTEGER) BETWEEN ? AND ? LIMIT 1"
    try:
        with database.reading(within_s=_COUNTING_S) as connection:
            return bool(connection.execute(sql, (look.keys(z, 0, 0)[0], *rows)).fetchall())
    except GivenUpError:
        return True


def _sample(database: Database, zoom: int | str) -> bytes:
    """Return a tile of a zoom, a picture if one of the first few is."""
    found = b""
    try:
        with database.reading() as connection:
            rows = connection.execute(
                "SELECT tile_data FROM tiles WHERE zoom_level = ? AND length(tile_data) BETWEEN 1 AND ? LIMIT 3",
                (zoom, MAX_TILE_BYTES),
            )
            for (data,) in rows:
                found = found or (data if isinstance(data, bytes) else b"")
                if isinstance(data, bytes) and sniff_picture_format(data) is not None:
                    return data
    except ValueTooLongError:
        pass
    return found
