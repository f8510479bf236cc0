"""The index of a tile store: which tiles are held, and where in which pack each picture lies."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from operator_tool.api import PictureFormat, TileId, TileRecord

from .index_file import index_errors, open_index_file
from .records import Batch, Place, StoredTile

_FORMATS = {str(member): member for member in PictureFormat}


class Index:
    """One connection to a store's index. Not for two threads at once; every commit is durable when it returns."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path, *, provider: str, dataset: str) -> Index | None:
        """Open an index that is there; None when there is none yet. Raises ``ConfigError`` when it can't be used."""
        connection = open_index_file(path, provider=provider, dataset=dataset, create=False)
        return cls(path, connection) if connection is not None else None

    @classmethod
    def open_or_create(cls, path: Path, *, provider: str, dataset: str) -> Index:
        """Open an index, making it when there is none. Raises ``ConfigError`` when it can't be used."""
        connection = open_index_file(path, provider=provider, dataset=dataset, create=True)
        assert connection is not None
        return cls(path, connection)

    def held(self, z: int, y: int, x0: int, x1: int) -> list[StoredTile]:
        """Return the tiles held of one row of tiles, ``x0`` and ``x1`` included, ascending."""
        rows = self._query(
            "SELECT x, sha256, length_bytes, format, etag, fetched_at_s, imagery_date"
            " FROM tiles WHERE z = ? AND y = ? AND x BETWEEN ? AND ? ORDER BY x",
            (z, y, x0, x1),
        )
        return [
            StoredTile(
                TileRecord(TileId(z, x, y), sha256, length_bytes, _FORMATS[picture_format]),
                etag,
                datetime.fromtimestamp(fetched_at_s, UTC),
                imagery_date,
            )
            for x, sha256, length_bytes, picture_format, etag, fetched_at_s, imagery_date in rows
        ]

    def absent(self, z: int, y: int, x0: int, x1: int, since_s: float) -> list[int]:
        """Return the x of the tiles said to be absent since then, ``x0`` and ``x1`` included, ascending."""
        statement = "SELECT x FROM absent WHERE z = ? AND y = ? AND x BETWEEN ? AND ? AND seen_at_s >= ? ORDER BY x"
        return [x for (x,) in self._query(statement, (z, y, x0, x1, since_s))]

    def count(self) -> int:
        """Return how many tiles are held."""
        return int(self._query("SELECT count(*) FROM tiles")[0][0])

    def place(self, sha256: bytes) -> Place | None:
        """Return where a content lies, None when it isn't held."""
        rows = self._query(
            "SELECT name, offset, length_bytes FROM contents JOIN packs ON packs.id = pack WHERE sha256 = ?", (sha256,)
        )
        return Place(*rows[0]) if rows else None

    def contents_of(self, pack: str) -> list[tuple[bytes, Place]]:
        """Return each content of a pack, its SHA-256 first, in the order in which they lie."""
        rows = self._query(
            "SELECT sha256, offset, length_bytes FROM contents JOIN packs ON packs.id = pack"
            " WHERE name = ? ORDER BY offset",
            (pack,),
        )
        return [(sha256, Place(pack, offset, length_bytes)) for sha256, offset, length_bytes in rows]

    def knows_pack(self, name: str) -> bool:
        """Say whether anything was ever committed of a pack."""
        return bool(self._query("SELECT 1 FROM packs WHERE name = ?", (name,)))

    def apply(self, batch: Batch) -> None:
        """Commit a batch: all of it or nothing. The bytes of its contents must be durable by now."""
        with self._transaction() as connection:
            packs = {place.pack for place in batch.contents.values()}
            connection.executemany("INSERT OR IGNORE INTO packs (name) VALUES (?)", [(name,) for name in packs])
            ids = {n: connection.execute("SELECT id FROM packs WHERE name = ?", (n,)).fetchone()[0] for n in packs}
            # Another process may have stored the same content meanwhile: the first one counts.
            connection.executemany(
                "INSERT OR IGNORE INTO contents VALUES (?, ?, ?, ?)",
                [(sha256, ids[p.pack], p.offset, p.length_bytes) for sha256, p in batch.contents.items()],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_row, batch.tiles.values())
            )
            connection.executemany("DELETE FROM absent WHERE z = ? AND y = ? AND x = ?", map(_key, batch.tiles))
            connection.executemany(
                "INSERT OR REPLACE INTO absent VALUES (?, ?, ?, ?)",
                [(*_key(tile_id), seen_at.timestamp()) for tile_id, seen_at in batch.absent.items()],
            )
            connection.executemany("DELETE FROM tiles WHERE z = ? AND y = ? AND x = ?", map(_key, batch.absent))
            connection.executemany(
                "UPDATE tiles SET fetched_at_s = ? WHERE z = ? AND y = ? AND x = ?",
                [(at.timestamp(), *_key(tile_id)) for tile_id, at in batch.confirmed.items()],
            )

    def forget(self, damaged: Iterable[tuple[bytes, Place | None]]) -> None:
        """Forget contents that can't be read at their place, and every tile that shows one of them.

        A content that was stored again at another place meanwhile stays, and so do its tiles.
        """
        with self._transaction() as connection:
            connection.execute("CREATE TEMP TABLE damaged (sha256 BLOB)")
            for sha256, place in damaged:
                connection.execute("INSERT INTO damaged VALUES (?)", (sha256,))
                if place is not None:
                    connection.execute(
                        "DELETE FROM contents WHERE sha256 = ? AND offset = ?"
                        " AND pack = (SELECT id FROM packs WHERE name = ?)",
                        (sha256, place.offset, place.pack),
                    )
            connection.execute(
                "DELETE FROM tiles WHERE sha256 IN (SELECT sha256 FROM damaged EXCEPT SELECT sha256 FROM contents)"
            )
            connection.execute("DROP TABLE damaged")

    def close(self) -> None:
        """Close the connection; the last one to close folds the log into the index."""
        self._connection.close()

    def _query(self, statement: str, parameters: tuple[object, ...] = ()) -> list[Any]:
        with index_errors(self._path):
            return self._connection.execute(statement, parameters).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with index_errors(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled back already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _key(tile_id: TileId) -> tuple[int, int, int]:
    return tile_id.z, tile_id.y, tile_id.x


def _row(tile: StoredTile) -> tuple[object, ...]:
    record = tile.record
    return (
        *_key(record.id),
        record.sha256,
        record.length_bytes,
        str(record.format),
        tile.fetched_at.timestamp(),
        tile.etag,
        tile.imagery_date,
    )
