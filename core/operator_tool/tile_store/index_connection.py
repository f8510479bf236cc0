"""A connection to a store's index, whatever it is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from operator_tool.api import DownloadError

from .index_file import index_errors, open_index_file

_EMPTY_SHARE = 0.25


class IndexConnection:
    """One connection. Not for two threads at once; every commit is durable when it returns."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path, *, provider: str, dataset: str) -> Self | None:
        """Open an index that is there; None when there is none yet. Raises ``ConfigError`` when it can't be used."""
        connection = open_index_file(path, owner=(provider, dataset), create=False)
        return cls(path, connection) if connection is not None else None

    @classmethod
    def open_any(cls, path: Path) -> Self | None:
        """Open an index that is there, of whichever data set; None when there is none yet. Raises ``ConfigError``."""
        connection = open_index_file(path, owner=None, create=False)
        return cls(path, connection) if connection is not None else None

    @classmethod
    def open_there(cls, path: Path) -> Self:
        """Open an index that must be there, of whichever data set. Raises ``DownloadError`` when it is gone."""
        index = cls.open_any(path)
        if index is None:
            raise DownloadError(
                f"the tile store {path.parent} is gone", hint="operator-tool store info lists them all."
            )
        return index

    @classmethod
    def open_or_create(cls, path: Path, *, provider: str, dataset: str) -> Self:
        """Open an index, making it when there is none. Raises ``ConfigError`` when it can't be used."""
        connection = open_index_file(path, owner=(provider, dataset), create=True)
        assert connection is not None
        return cls(path, connection)

    def meta(self) -> dict[str, str]:
        """Return what the store says of itself: ``provider``, ``dataset``, and what was noted."""
        return dict(self.query("SELECT key, value FROM meta"))

    def note(self, key: str, value: str) -> None:
        """Note what the store says of itself."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def close(self) -> None:
        """Close the connection; the last one to close folds the log into the index."""
        self._connection.close()

    def size_bytes(self) -> int:
        """Return how large the index's file is, without its log."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def give_back_room(self) -> None:
        """Rewrite the index's file when a quarter of it is empty pages."""
        (free,) = self.query("PRAGMA freelist_count")[0]
        (pages,) = self.query("PRAGMA page_count")[0]
        if free > pages * _EMPTY_SHARE:
            self.query("VACUUM")
        self.query("PRAGMA wal_checkpoint(TRUNCATE)")

    def spare_memory(self) -> None:
        """Sort in files and not in memory: for walks over all of a store."""
        with index_errors(self._path):
            self._connection.execute("PRAGMA temp_store = FILE")

    def only_read(self) -> None:
        """Refuse every change from here on."""
        self.spare_memory()
        with index_errors(self._path):
            self._connection.execute("PRAGMA query_only = ON")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one moment of the store, whatever others commit meanwhile."""
        with index_errors(self._path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def query(self, statement: str, parameters: tuple[object, ...] = ()) -> list[Any]:
        """Return the rows of a statement, as a list: ask for few."""
        with index_errors(self._path):
            return self._connection.execute(statement, parameters).fetchall()

    def each(self, statement: str, parameters: tuple[object, ...] = ()) -> Iterator[Any]:
        """Yield the rows of a statement as they are read: there may be millions."""
        with index_errors(self._path):
            # Not "yield from": that closes the cursor of a walk that was given up, which a closed connection refuses.
            for row in self._connection.execute(statement, parameters):  # noqa: UP028
                yield row

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all of it or nothing; it is durable on leaving."""
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
