"""The index's file: making it, and opening it only when it is this store's and of a schema that is understood."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from operator_tool.api import ConfigError, DownloadError

from .disk import free_text

SCHEMA = 1
"""Rises when a tool that knows the number before could no longer read, or must no longer write, the store."""

_APPLICATION_ID = 0x4F54_5453
"""Marks the file as a tile store's ("OTTS") for ``file`` and for the check on opening."""
_BUSY_TIMEOUT_S = 30.0
_LOG_PAGES = 8000
"""How long the write-ahead log grows, in pages of 4 KiB, before it is folded into the index. The hashes of a batch
lie all over the index: folded in after each one, as SQLite would, the same pages are written again and again."""

# A tile's row is its whole record, so that a range of tiles is one walk along one B-tree. A content is looked up by
# its hash, one at a time, when it is put or read. Which tiles show a
# content is asked so rarely that it is worth a walk over all of them, and not an index that every commit pays for.
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE packs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE contents (
    sha256 BLOB PRIMARY KEY,
    pack INTEGER NOT NULL REFERENCES packs,
    offset INTEGER NOT NULL,
    length_bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE tiles (
    z INTEGER NOT NULL, y INTEGER NOT NULL, x INTEGER NOT NULL,
    sha256 BLOB NOT NULL, length_bytes INTEGER NOT NULL, format TEXT NOT NULL,
    fetched_at_s REAL NOT NULL, etag TEXT, imagery_date TEXT,
    PRIMARY KEY (z, y, x)
) WITHOUT ROWID;
CREATE TABLE absent (
    z INTEGER NOT NULL, y INTEGER NOT NULL, x INTEGER NOT NULL,
    seen_at_s REAL NOT NULL,
    PRIMARY KEY (z, y, x)
) WITHOUT ROWID;
"""


def open_index_file(path: Path, *, owner: tuple[str, str] | None, create: bool) -> sqlite3.Connection | None:
    """Return a connection to a complete index of this provider and data set; None when there is none yet.

    ``owner`` is the provider and the data set, None for whichever they are. With ``create`` it is made; another process
    may be making the same one at the same moment. Raises ``ConfigError`` for a file that is another's, or of a newer
    schema: such a file is not written to.
    """
    if not create and not path.exists():
        return None
    with index_errors(path):
        uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            # One transaction, so that another process that is making the index is seen before or after, not between.
            connection.execute("BEGIN")
            complete = _is_complete(connection, path)
            connection.execute("COMMIT")
            if not complete:
                if not create:
                    connection.close()
                    return None
                assert owner is not None
                _create(connection, path, owner)
            if owner is not None:
                _check_owner(connection, path, owner)
            # FULL: a commit is on the disk when it returns, not only in order.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def index_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors on this index into ours."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise ConfigError(
                f"the tile store's index {path} can't be read: {error}",
                hint=f"Move the folder {path.parent} away; its tiles are then downloaded again.",
            ) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise DownloadError(
                f"another run kept the tile store {path.parent} locked for {_BUSY_TIMEOUT_S:g} s",
                hint="Run the same command again when the other run has ended.",
            ) from error
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise DownloadError(
                f"the tile store's index {path} can't be written: {error}; {free_text(path.parent)}",
                hint="Make room on this disk and run the same command again: tiles that were stored are kept.",
            ) from error
        raise DownloadError(
            f"the tile store's index {path} can't be used: {error}",
            hint=f"Check the permissions of {path.parent} and run the same command again.",
            retryable=False,
        ) from error


def _is_complete(connection: sqlite3.Connection, path: Path) -> bool:
    """Say whether the tables are there; False for a file that a killed process left empty."""
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables == 0 and schema == 0:
        return False
    if application != _APPLICATION_ID:
        raise ConfigError(
            f"{path} is a database, but not a tile store's index",
            hint=f"Move the folder {path.parent} away, or choose another --data-dir.",
        )
    if schema > SCHEMA:
        raise ConfigError(
            f"the tile store {path.parent} is of schema {schema}, and this operator-tool knows schemas up to {SCHEMA}",
            hint="Use the newer operator-tool that made the store, or another --data-dir. The store was not changed.",
        )
    return True


def _create(connection: sqlite3.Connection, path: Path, owner: tuple[str, str]) -> None:
    _switch_to_wal(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_complete(connection, path):
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.executemany("INSERT INTO meta VALUES (?, ?)", zip(("provider", "dataset"), owner, strict=True))
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch a new file to a write-ahead log. SQLite's busy timeout does not hold for this step, so it is retried."""
    until_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until_s:
                raise
            time.sleep(0.01)
        else:
            return


def _check_owner(connection: sqlite3.Connection, path: Path, owner: tuple[str, str]) -> None:
    meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    found = meta.get("provider"), meta.get("dataset")
    if found != owner:
        raise ConfigError(
            f"the tile store {path.parent} is of provider {found[0]!r} and data set {found[1]!r}, not of {owner[0]!r}"
            f" and {owner[1]!r}",
            hint=f"Move the folder {path.parent} away, or choose another --data-dir.",
        )
