"""``build``: complete the staging database, verify every tile, and have it published."""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Dict, List, Optional

from .call import Call
from .faults import AgentError
from .guard import BuildLock, patience_of
from .layout import MAX_SEQ, Layout, companion_id, sync_path
from .manifest import Manifest, parse_manifest
from .publish import publish
from .staging import open_staging, take_back
from .state import highest_seq
from .trust import look_at
from .verify import Measured, compare, measure, progress

MAX_SEQ_STEP = 1000
"""One build can't use up the numbers of all that follow."""


def run(call: Call) -> Dict[str, object]:
    """Make what was received the current generation; raises ``verify`` when it is not what the manifest says."""
    request = call.request
    layout = Layout(request.text("root"))
    content_key = request.content_key()
    try:
        manifest_bytes = request.text("manifest").encode("utf-8")
    except UnicodeEncodeError as error:
        raise AgentError("request", "manifest: %s" % error) from None
    manifest = parse_manifest(manifest_bytes)
    if manifest.content_key != content_key or manifest.run_id != request.text("run_id"):
        raise AgentError("request", "the manifest is another build's")
    if manifest.companion_id != companion_id():
        raise AgentError(
            "identity", "the manifest is for companion %s, this is %s" % (manifest.companion_id, companion_id())
        )
    if not os.path.isdir(layout.stagings):
        raise AgentError("staging", "nothing was received under %s" % layout.root)
    note: Dict[str, object] = {"operator": request.text("operator", ""), "run_id": manifest.run_id, "pid": os.getpid()}
    with BuildLock(layout).acquire(patience_of(call, 5.0), note) as lock:
        if not take_back(layout, content_key):
            raise AgentError("staging", "nothing was received for this cache")
        taken = highest_seq(layout)
        if not taken < manifest.seq <= min(taken + MAX_SEQ_STEP, MAX_SEQ):
            raise AgentError("seq", "seq %d does not follow %d: another build came between" % (manifest.seq, taken))
        seen = _complete(call, layout, content_key, request.texts("metadata"), manifest)
        return publish(call, layout, lock, manifest, manifest_bytes, seen)


def _complete(call: Call, layout: Layout, content_key: str, metadata: Dict[str, str], manifest: Manifest) -> List[int]:
    """Leave the staging folder with one database that is synced and holds exactly what the manifest says.

    Returns how the kernel knew it before it was read.
    """
    tick = progress(call, manifest.tiles)
    with open_staging(layout, content_key, tick) as staging:
        staging.complete(metadata)
        staging.close_without_journal()
    seen = look_at(staging.path)
    sync = _Sync(staging.path)
    try:
        # The disk writes while every picture is read back and hashed: one waits for the disk, the other for the CPU.
        measured = measure(staging.path, tick)
    except sqlite3.Error as error:
        sync.join()
        staging.discard()
        raise AgentError("verify", "the database can't be read, and was dropped: %s" % error) from None
    sync.join()
    if sync.error is not None:
        staging.discard()
        raise sync.error
    problem = compare(measured, manifest)
    if problem:
        _drop_rotten(layout, content_key, measured)
        raise AgentError("verify", problem)
    return seen


def _drop_rotten(layout: Layout, content_key: str, measured: Measured) -> None:
    if measured.rotten:
        with open_staging(layout, content_key, lambda _done: None) as staging:
            staging.drop(measured.rotten)


class _Sync(threading.Thread):
    """Syncs one file; ``error`` is there after ``join``."""

    def __init__(self, path: str) -> None:
        super().__init__(name="sync", daemon=True)
        self.error: Optional[OSError] = None
        self._path = path
        self.start()

    def run(self) -> None:
        """Sync."""
        try:
            sync_path(self._path)
        except OSError as error:
            self.error = error
