"""Every picture of a database, read back and hashed, by as many threads as there are processors to do it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from typing import Callable, List, Optional
from urllib.parse import quote

_MAX_READERS = 4
_TICK_ROWS = 1000
_MAX_ROTTEN = 1000


def open_immutable(path: str) -> sqlite3.Connection:
    """Open a database that nobody changes: neither a lock nor a journal is made beside it."""
    uri = "file:%s?mode=ro&immutable=1" % quote(path)
    # The connection of a thread that ended is closed by another one.
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


class Hashing:
    """Hashes in threads of its own from its making on; ``sqlite3.Error`` passes through both methods.

    ``tick`` is told how many were read so far, from any thread.
    """

    def __init__(self, path: str, tick: Callable[[int], None]) -> None:
        connection = open_immutable(path)
        try:
            low, high = connection.execute("SELECT min(tile_id), max(tile_id) FROM images").fetchone()
        finally:
            connection.close()
        tally = _Tally(tick)
        self._parts: List[_Part] = []
        if low is not None:
            share = (high - low) // min(_MAX_READERS, len(os.sched_getaffinity(0))) + 1
            self._parts = [_Part(path, start, start + share, tally) for start in range(low, high + 1, share)]

    def rotten(self) -> List[int]:
        """Wait, and return the tile_ids of pictures whose bytes are not their hash's, at most some thousands."""
        for part in self._parts:
            part.join()
        for part in self._parts:
            if part.error is not None:
                raise part.error
        return [tile_id for part in self._parts for tile_id in part.rotten]


class _Tally:
    """How many were read, by all threads together."""

    def __init__(self, tick: Callable[[int], None]) -> None:
        self._tick = tick
        self._lock = threading.Lock()
        self._done = 0

    def add(self, rows: int) -> None:
        with self._lock:
            self._done += rows
            done = self._done
        self._tick(done)


class _Part(threading.Thread):
    """Hashes the pictures of a range of tile_ids; ``rotten`` and ``error`` are there after ``join``."""

    def __init__(self, path: str, first: int, end: int, tally: _Tally) -> None:
        super().__init__(name="hash", daemon=True)
        self.rotten: List[int] = []
        self.error: Optional[Exception] = None
        self._path = path
        self._first = first
        self._end = end
        self._tally = tally
        self.start()

    def run(self) -> None:
        """Hash."""
        try:
            connection = open_immutable(self._path)
            try:
                self._hash(connection)
            finally:
                connection.close()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the parts are joined
            self.error = error

    def _hash(self, connection: sqlite3.Connection) -> None:
        sha256 = hashlib.sha256
        images = connection.execute(
            "SELECT tile_id, sha256, tile_data FROM images WHERE tile_id >= ? AND tile_id < ?", (self._first, self._end)
        )
        for done, (tile_id, name, data) in enumerate(images, 1):
            if sha256(data).digest() != name and len(self.rotten) < _MAX_ROTTEN:
                self.rotten.append(tile_id)
            if done % _TICK_ROWS == 0:
                self._tally.add(_TICK_ROWS)
