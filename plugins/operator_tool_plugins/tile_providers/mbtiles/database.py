"""The SQLite database of an MBTiles file, which anybody may have made: read only, bounded, and closed by its reader.

The ``tiles`` of a hostile one may be a view, whose expressions are a program: a plain one is read, and no other. No
value is longer than ``_LONGEST_BYTES``, and nothing takes long between two looks at whether the run is given up.
"""

from __future__ import annotations

import math
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from operator_tool.api import ConfigError, DownloadError, RunContext, escape_controls

from .schema import LONGEST_SQL, check_schema, program_error

if TYPE_CHECKING:
    import sqlite3

_LONGEST_BYTES = 8 * 1024 * 1024
_STEPS_BETWEEN_LOOKS = 1_000
_FUNCTIONS = frozenset({"length", "min", "max", "substr", "typeof"})
"""Those that are asked for here."""
_FROM_AGAIN = "Copy the file again from where it came."


class ValueTooLongError(Exception):
    """A value in the file is longer than any that is read."""


class GivenUpError(Exception):
    """A question took longer than it may."""


class Database:
    """One file. Any thread may ask and ``close``; a question that is under way ends first, in the thread that asks."""

    def __init__(self, path: Path, context: RunContext) -> None:
        self._path = path
        self._context = context
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        """Of what is below; never held while SQLite works."""
        self._readers = 0
        self._is_closed = False
        self._give_up_at_s = math.inf
        self.opened_as: os.stat_result | None = None
        """The file's status when it was opened."""

    @contextmanager
    def reading(self, *, within_s: float = math.inf) -> Iterator[sqlite3.Connection]:
        """Give the connection, opened when it is first wanted.

        Raises ``ConfigError`` for what is no MBTiles file, ``DownloadError`` for one that can't be read,
        ``ValueTooLongError``, and ``GivenUpError`` when a question took longer than ``within_s``.
        """
        import sqlite3

        with self._lock:
            if self._is_closed:
                raise DownloadError(f"{self._path} was closed while it was read", retryable=False)
            self._readers += 1
        try:
            if self._connection is None:
                self._connection = self._open()
            self._give_up_at_s = time.monotonic() + within_s
            yield self._connection
        except sqlite3.Error as error:
            raise self._meant(error, within_s) from error
        finally:
            with self._lock:
                self._readers -= 1
                self._shut_if_unused()

    def close(self) -> None:
        """Close the file, or have it closed as soon as the question that is under way was broken off."""
        with self._lock:
            self._is_closed = True
            if self._readers and self._connection is not None:
                self._connection.interrupt()
            self._shut_if_unused()

    def check_unchanged(self) -> None:
        """Raise ``DownloadError`` when the file isn't what it was when it was opened."""
        try:
            now: os.stat_result | None = self._path.stat()
        except OSError:
            now = None
        before = self.opened_as
        if before is not None and (
            now is None or (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns)
        ):
            raise DownloadError(f"{self._path} was changed while it was read", hint="Run the same command again.")

    def _shut_if_unused(self) -> None:
        if self._is_closed and not self._readers and self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        import sqlite3

        try:
            self.opened_as = self._path.stat()
            if not stat.S_ISREG(self.opened_as.st_mode):
                raise ConfigError(f"mbtiles.path {self._path} is not a file")
            self._path.open("rb").close()
        except OSError as error:
            raise ConfigError(f"mbtiles.path {self._path} can't be opened: {error.strerror}") from error
        # Immutable: nothing is written beside the file and no lock is taken. Where another program has left a log
        # beside it, part of the tiles are in there, and SQLite must look.
        uri = f"{self._path.absolute().as_uri()}?mode=ro{'' if self._logs() else '&immutable=1'}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            self._bound(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _bound(self, connection: sqlite3.Connection) -> None:
        """Keep a file from doing more than being read."""
        import sqlite3

        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LONGEST_SQL)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_progress_handler(self._must_stop, _STEPS_BETWEEN_LOOKS)
        connection.execute("PRAGMA trusted_schema = OFF")
        check_schema(connection, str(self._path))
        connection.set_authorizer(_allowed)

    def _must_stop(self) -> bool:
        context = self._context
        late = time.monotonic() > self._give_up_at_s
        return self._is_closed or late or context.cancelled.is_set() or context.deadline.passed

    def _logs(self) -> list[Path]:
        """Return the logs that another program has left beside the file."""
        beside = (Path(f"{self._path}{ending}") for ending in ("-wal", "-journal"))
        return [log for log in beside if _has_bytes(log)]

    def _meant(self, error: sqlite3.Error, within_s: float) -> Exception:
        """Return the error that one of SQLite's means."""
        import sqlite3

        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        said = escape_controls(str(error), limit=200)
        logs = self._logs()
        if code == sqlite3.SQLITE_TOOBIG:
            return ValueTooLongError()
        if code == sqlite3.SQLITE_INTERRUPT and within_s < math.inf and not self._is_given_up():
            return GivenUpError()
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) and logs:
            return ConfigError(
                f"{self._path} can't be read as it lies there: another program has left a log beside it,"
                f" {logs[0].name}, which holds a part of it and is taken in only where the folder can be written",
                hint=f"Copy the file and {logs[0].name} together into a folder of yours, open the copy once with the"
                " program that made it (or: sqlite3 COPY.mbtiles 'PRAGMA wal_checkpoint'), and set mbtiles.path to it.",
            )
        if code == sqlite3.SQLITE_NOTADB:
            return ConfigError(f"{self._path} is not an MBTiles file: {said}")
        if code == sqlite3.SQLITE_AUTH:
            return program_error(str(self._path), said)
        if code == sqlite3.SQLITE_ERROR:
            return ConfigError(f"{self._path} is not laid out as an MBTiles file is: {said}")
        return DownloadError(
            f"{self._path} can't be read: {said}",
            hint=_FROM_AGAIN,
            retryable=code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT),
        )

    def _is_given_up(self) -> bool:
        return self._is_closed or self._context.cancelled.is_set() or self._context.deadline.passed


def _allowed(action: int, _first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
    """Allow to select and to read, and of functions those that are short work, whichever view asks."""
    import sqlite3

    if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").casefold() in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
