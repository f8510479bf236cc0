"""The database that a cache is filled in: MBTiles 1.3, each picture once, kept over drops, kills and reboots."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from types import TracebackType
from typing import Callable, Dict, Iterable, Optional, Sequence, Tuple, Type

from ..keeping.claims import why_not_reusable
from ..layout import (
    BOOT_ID,
    DATABASE,
    FILE_MODE,
    MANIFEST,
    PRIVATE_MODE,
    SIGNATURE,
    Layout,
    boot_id,
    is_folder,
    make_folder,
    read_small,
    remove,
    write_whole,
)

Picture = Tuple[int, bytes, memoryview]
"""tile_id, SHA-256, bytes."""
Row = Tuple[int, int, int, int]
"""zoom_level, tile_column, tile_row (TMS), tile_id."""

_PAGE_BYTES = 4096
"""5 % over the bytes of pictures of 15 kB; at 16 and 32 KiB it is 20 and 36 %, for a tenth of the time."""
_CACHE_KIB = 8 * 1024
"""Enough for the index of a million pictures' upper pages; what is larger is only copied more (32 MiB: 15 % slower)."""
SCHEMA_TEXTS = (
    "CREATE TABLE metadata (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE images (tile_id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, tile_data BLOB NOT NULL)",
    """CREATE TABLE map (
    zoom_level INTEGER NOT NULL, tile_column INTEGER NOT NULL, tile_row INTEGER NOT NULL, tile_id INTEGER NOT NULL,
    PRIMARY KEY (zoom_level, tile_column, tile_row)
) WITHOUT ROWID""",
    "CREATE VIEW tiles AS SELECT zoom_level, tile_column, tile_row, tile_data FROM map JOIN images USING (tile_id)",
)
"""The tables as SQLite keeps their texts, in the order of their making."""
_MBTILES_NUMBER = 0x4D504258
"""SQLite's application_id of MBTiles: "MPBX"."""


class Staging:
    """An open staging database. A context manager that rolls back what was not committed."""

    def __init__(self, folder: str, tick: Callable[[int], None]) -> None:
        self.path = os.path.join(folder, DATABASE)
        self._connection = _open(self.path)
        try:
            trusted = _was_filled_in_this_boot(folder)
            if not (trusted and self._has_schema()):
                self._salvage(tick)
                write_whole(os.path.join(folder, BOOT_ID), boot_id().encode("ascii"), durable=False)
            top = self._connection.execute("SELECT max(tile_id) FROM images").fetchone()[0]
        except BaseException:
            self._connection.close()
            raise
        self.next_tile_id = (top or 0) + 1

    @property
    def is_fresh(self) -> bool:
        """Nothing was received yet."""
        return self.next_tile_id == 1

    def begin_as_copy(self, make: Callable[[str], None]) -> None:
        """Replace the database, which is fresh and has no open batch, by what ``make`` puts in its place."""
        self._connection.close()
        try:
            make(self.path)
        finally:
            self._connection = _open(self.path)
        top = self._connection.execute("SELECT max(tile_id) FROM images").fetchone()[0]
        self.next_tile_id = (top or 0) + 1

    def begin(self) -> None:
        """Open a batch: all of it will be kept, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Keep the open batch: a kill can't take it any more."""
        self._connection.execute("COMMIT")

    def forget_rows(self) -> None:
        """Forget which tiles were offered in an earlier run; the pictures stay."""
        self._connection.execute("DELETE FROM map")

    def find(self, hashes: Sequence[bytes]) -> Dict[bytes, int]:
        """Return the tile_ids of the pictures that are here."""
        return dict(select_in(self._connection, "SELECT sha256, tile_id FROM images", hashes))

    def add(self, pictures: Iterable[Picture], rows: Iterable[Row]) -> None:
        """Add pictures that were checked, and the tiles that show them."""
        self._connection.executemany("INSERT INTO images VALUES (?, ?, ?)", pictures)
        self._connection.executemany("INSERT OR REPLACE INTO map VALUES (?, ?, ?, ?)", rows)

    def count_rows(self) -> int:
        """Return how many tiles there are."""
        return int(self._connection.execute("SELECT count(*) FROM map").fetchone()[0])

    def complete(self, metadata: Dict[str, str]) -> None:
        """Set the metadata, and drop the pictures that no tile shows."""
        self.begin()
        self._connection.execute("DELETE FROM metadata")
        self._connection.executemany("INSERT INTO metadata VALUES (?, ?)", sorted(metadata.items()))
        self._connection.execute("DELETE FROM images WHERE tile_id NOT IN (SELECT tile_id FROM map)")
        self.commit()

    def drop(self, tile_ids: Sequence[int]) -> None:
        """Drop pictures that turned out rotten, so that the next run asks for them again."""
        self.begin()
        self._connection.executemany("DELETE FROM images WHERE tile_id = ?", [(tile_id,) for tile_id in tile_ids])
        self.commit()

    def close_without_journal(self) -> None:
        """Leave one file and nothing beside it."""
        self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()

    def __enter__(self) -> "Staging":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        self._connection.close()

    def discard(self) -> None:
        """Drop all of it: after a failed sync the kernel's cache shows pages that the disk doesn't have."""
        self._connection.close()
        _remove(self.path)

    def _has_schema(self) -> bool:
        try:
            return bool(self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tiles'").fetchone())
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return False

    def _salvage(self, tick: Callable[[int], None]) -> None:
        """Keep what is sound. Nothing is synced while filling, so after another boot no page is believed unread."""
        try:
            sound = self._has_schema() and self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok"
            if sound:
                self._drop_rotten(tick)
        except sqlite3.DatabaseError:
            sound = False
        if not sound:
            self._connection.close()
            _remove(self.path)
            self._connection = _open(self.path)
            self._make_tables()

    def _make_tables(self) -> None:
        self.begin()
        for text in SCHEMA_TEXTS:
            self._connection.execute(text)
        self._connection.execute("PRAGMA application_id = %d" % _MBTILES_NUMBER)
        self.commit()

    def _drop_rotten(self, tick: Callable[[int], None]) -> None:
        rotten = []
        images = self._connection.execute("SELECT tile_id, sha256, tile_data FROM images")
        for done, (tile_id, name, data) in enumerate(images, 1):
            if hashlib.sha256(data).digest() != name:
                rotten.append(tile_id)
            if done % 2000 == 0:
                tick(done)
        self.drop(rotten)


def take_back(layout: Layout, content_key: str) -> bool:
    """Make a generation of this key that was renamed but never switched to the staging again; tell if there is one.

    One that is pinned stays, and so does each where nobody can tell what it is; then there is none.
    """
    folder = layout.staging(content_key)
    if not is_folder(folder):
        for generation in layout.all_generations():
            if generation.key_prefix == content_key[:12] and why_not_reusable(layout, generation) is None:
                os.rename(generation.path, folder)
                if why_not_reusable(layout, generation) is None:
                    break
                # Pinned in between: whoever pins looks afterwards, as we do, so that one of us sees the other.
                os.rename(folder, generation.path)
    return is_folder(folder)


def open_staging(layout: Layout, content_key: str, tick: Callable[[int], None]) -> Staging:
    """Return the staging database of this cache, made when there is none; what was taken back need not be sent."""
    folder = layout.staging(content_key)
    take_back(layout, content_key)
    make_folder(folder, PRIVATE_MODE)
    for name in os.listdir(folder):
        # Only our own regular files may lie here; what SQLite opens by its path must not lead elsewhere.
        path = os.path.join(folder, name)
        if name in (MANIFEST, SIGNATURE) or os.path.islink(path) or name.startswith("."):
            remove(path)
    database = os.path.join(folder, DATABASE)
    if os.path.lexists(database):
        # A generation's database can't be written to; one that was taken back can.
        os.chmod(database, FILE_MODE)
    return Staging(folder, tick)


def select_in(connection: sqlite3.Connection, select: str, hashes: Sequence[bytes]) -> "sqlite3.Cursor":
    """Run ``select`` for the pictures of these hashes; at most 999, SQLite's oldest limit of parameters."""
    return connection.execute("%s WHERE sha256 IN (%s)" % (select, ",".join("?" * len(hashes))), hashes)


def distrust(folder: str) -> None:
    """Have the next attempt read and hash all that was received: somebody may have written to it."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, BOOT_ID))


def _open(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=1.0)
    # A rollback journal makes a killed batch undone; nothing is synced while filling, a reboot is met by _salvage.
    for setting in (
        "page_size = %d" % _PAGE_BYTES,
        "locking_mode = EXCLUSIVE",
        "journal_mode = TRUNCATE",
        "synchronous = OFF",
        "cache_size = -%d" % _CACHE_KIB,
        "temp_store = MEMORY",
    ):
        try:
            connection.execute("PRAGMA " + setting)
        except sqlite3.OperationalError:
            connection.close()
            raise
        except sqlite3.DatabaseError:
            # Not a database: _salvage finds the same and starts anew.
            break
    return connection


def _remove(path: str) -> None:
    for name in (path, path + "-journal"):
        if os.path.lexists(name):
            os.unlink(name)


def _was_filled_in_this_boot(folder: str) -> bool:
    try:
        noted = read_small(os.path.join(folder, BOOT_ID)).decode("ascii", "replace")
    except OSError:
        return False
    return bool(noted) and noted == boot_id()
