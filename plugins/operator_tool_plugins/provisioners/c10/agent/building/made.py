"""What a staging folder came to: the database verified, the stages run, every file with its hash."""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Callable, List, NamedTuple, Optional

from ..call import Call
from ..failpoints import failpoint
from ..faults import AgentError
from ..generations.access import open_to_readers
from ..generations.files import FileEntry, entry_of, hash_file
from ..generations.manifest import Manifest
from ..generations.trust import Seen, look, look_at, wait_for_a_later_tick
from ..generations.verify import progress
from ..layout import ARTEFACTS, DATABASE, SEALED_MODE, STAGES, Layout, is_folder, sync_path
from ..receiving.artefacts import check_staged
from ..receiving.staging import distrust, open_staging
from ..stages.running import run_stages
from .measure import Measured, compare, measure


class Made(NamedTuple):
    """What lies in the staging folder, all of it synced."""

    files: List[FileEntry]
    """The database, and what the stages made."""
    seen: Seen
    """How the kernel knew each file, the artefacts too, before its bytes were verified."""


def make(call: Call, layout: Layout, order: Manifest, order_bytes: bytes) -> Made:
    """Complete the database, verify it, and run the stages; raises ``verify``, ``stage``, or what the disk says."""
    folder = layout.staging(order.content_key)
    database, sha256 = _complete(call, layout, order)
    if is_folder(os.path.join(folder, ARTEFACTS)):
        # An agent of another umask may have taken them in.
        open_to_readers(os.path.join(folder, ARTEFACTS))
    verified = {**_look_below(folder, ARTEFACTS + "/"), DATABASE: database}
    check_staged(call, folder, order.artefacts)
    failpoint("build.after_verify")
    run_stages(call, layout, folder, order, order_bytes)
    failpoint("build.after_stages")
    seen = _look_below(folder, ARTEFACTS + "/", DATABASE, STAGES + "/")
    for name in sorted(name for name in seen if not name.startswith(STAGES + "/")):
        if seen[name] != verified.get(name):
            distrust(folder)
            raise AgentError("verify", "%s was written to after it was verified" % name)
    files = [FileEntry(DATABASE, sha256, database[2])]
    files += [entry_of(folder, name) for name in sorted(seen) if name.startswith(STAGES + "/")]
    return Made(files, seen)


def _look_below(folder: str, *places: str) -> Seen:
    """Return how the kernel knows these files of a staging folder now."""
    seen = look(folder)
    if seen is None:
        raise AgentError("verify", "the staging folder can't be looked at")
    return {name: known for name, known in seen.items() if name.startswith(places)}


def _complete(call: Call, layout: Layout, order: Manifest) -> "tuple[List[int], str]":
    """Leave the staging folder with one database that is synced and holds exactly what the order says.

    Returns how the kernel knew it before it was read, and its SHA-256.
    """
    tick = progress(call, order.tiles)
    with open_staging(layout, order.content_key, tick) as staging:
        staging.complete(order.metadata)
        failpoint("build.after_complete")
        staging.close_without_journal()
    os.chmod(staging.path, SEALED_MODE)
    seen = look_at(staging.path)
    wait_for_a_later_tick([seen])
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
