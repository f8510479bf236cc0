"""What a staging folder came to: the database verified, the stages run, every file with its hash."""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Callable, List, NamedTuple, Optional

from ..call import Call
from ..failpoints import failpoint
from ..faults import AgentError
from ..generations.files import FileEntry, entry_of, hash_file, list_files
from ..generations.manifest import Manifest
from ..generations.trust import look_at
from ..generations.verify import progress
from ..layout import DATABASE, STAGES, Layout, sync_path
from ..receiving.artefacts import check_staged
from ..receiving.staging import distrust, open_staging
from ..stages.running import run_stages
from .measure import Measured, compare, measure


class Made(NamedTuple):
    """What lies in the staging folder, all of it synced."""

    files: List[FileEntry]
    """The database, and what the stages made."""
    database: List[int]
    """How the kernel knew the database when its verification began."""


def make(call: Call, layout: Layout, order: Manifest, order_bytes: bytes) -> Made:
    """Complete the database, verify it, and run the stages; raises ``verify``, ``stage``, or what the disk says."""
    folder = layout.staging(order.content_key)
    database, sha256 = _complete(call, layout, order)
    check_staged(call, folder, order.artefacts)
    failpoint("build.after_verify")
    run_stages(call, layout, folder, order, order_bytes)
    failpoint("build.after_stages")
    path = os.path.join(folder, DATABASE)
    if look_at(path) != database:
        distrust(folder)
        raise AgentError("verify", "%s was written to after it was verified" % DATABASE)
    files = [FileEntry(DATABASE, sha256, database[2])]
    files += [entry_of(folder, name) for name in sorted(list_files(folder)) if name.startswith(STAGES + "/")]
    return Made(files, database)


def _complete(call: Call, layout: Layout, order: Manifest) -> "tuple[List[int], str]":
    """Leave the staging folder with one database that is synced and holds exactly what the order says.

    Returns how the kernel knew it before it was read, and its SHA-256.
    """
    tick = progress(call, order.tiles)
    with open_staging(layout, order.content_key, tick) as staging:
        staging.complete(order.metadata)
        failpoint("build.after_complete")
        staging.close_without_journal()
    os.chmod(staging.path, 0o444)
    seen = look_at(staging.path)
    # The disk writes, one thread hashes the file, others the pictures in it: each waits for something else.
    sync = _Aside("sync", lambda: sync_path(staging.path))
    hashed = _Hashed(staging.path, call.vehicle.look)
    try:
        measured = measure(staging.path, tick)
    except sqlite3.Error as error:
        sync.join()
        hashed.join()
        staging.discard()
        raise AgentError("verify", "the database can't be read, and was dropped: %s" % error) from None
    sync.join()
    hashed.join()
    if sync.error is not None:
        staging.discard()
        raise sync.error
    problem = compare(measured, order)
    if problem:
        _drop_rotten(layout, order.content_key, measured)
        raise AgentError("verify", problem)
    if hashed.error is not None:
        raise hashed.error
    return seen, hashed.sha256


def _drop_rotten(layout: Layout, content_key: str, measured: Measured) -> None:
    if measured.rotten:
        with open_staging(layout, content_key, lambda _done: None) as staging:
            staging.drop(measured.rotten)


class _Aside(threading.Thread):
    """Does something beside the main thread; ``error`` is there after ``join``."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.error: Optional[Exception] = None
        self._work = work
        self.start()

    def run(self) -> None:
        """Do it."""
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where this thread is joined
            self.error = error


class _Hashed(_Aside):
    """Hashes one file; ``sha256`` is there after ``join``."""

    def __init__(self, path: str, look: Callable[[], None]) -> None:
        self.sha256 = ""
        self._path = path
        self._look = look
        super().__init__("hash-file", self._hash)

    def _hash(self) -> None:
        self.sha256 = hash_file(self._path, lambda _bytes: self._look())
