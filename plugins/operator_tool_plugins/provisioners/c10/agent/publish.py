"""From a verified staging folder to the current generation: one rename makes it a generation, one makes it current.

Nothing is visible before it is verified and synced, and nothing is reported before the last sync. The order of the
steps is the promise; a power cut between any two of them leaves ``current`` at the old or the new generation, whole.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Dict, List
from urllib.parse import quote

from .call import Call
from .faults import AgentError
from .guard import BuildLock
from .layout import BOOT_ID, DATABASE, MANIFEST, Layout, generation_name, sync_folder, write_whole
from .manifest import Manifest
from .own_config import refuse_if_armed
from .state import Record, write_record
from .trust import look_at, note_verified

COMMIT_WAIT_S = 120.0
_MAX_LINE_BYTES = 64


def publish(
    call: Call, layout: Layout, lock: BuildLock, manifest: Manifest, manifest_bytes: bytes, database: List[int]
) -> Dict[str, object]:
    """Make the staging folder a generation, wait for the word, switch to it, and return the report's fields.

    ``database`` is how the kernel knew the database when its verification began.
    """
    staging = layout.staging(manifest.content_key)
    name = generation_name(manifest.seq, manifest.content_key)
    previous = layout.current()
    # A folder that is taken back to staging must not be believed for its boot's sake.
    os.unlink(os.path.join(staging, BOOT_ID))
    write_whole(os.path.join(staging, MANIFEST), manifest_bytes)
    seen = {DATABASE: database, MANIFEST: look_at(os.path.join(staging, MANIFEST))}
    os.rename(staging, os.path.join(layout.generations, name))
    sync_folder(layout.generations)
    sync_folder(layout.stagings)
    call.outlet.event("ready", generation=name)
    if call.inlet.word(_MAX_LINE_BYTES, COMMIT_WAIT_S) != b"commit":
        raise AgentError("not_committed", "the workstation did not commit; the old cache is current")
    # The vehicle may have been armed since the greeting; what was built stays, for the next attempt.
    refuse_if_armed(layout)
    # From here on it is quicker to finish than to be ended half-way; the workstation may ask again what came of it.
    call.dead_man.let_finish()
    lock.check()
    _switch(layout, name)
    write_record(layout, Record(manifest.seq, name))
    _look_through_current(layout, manifest)
    note_verified(layout, name, seen)
    return {
        "generation": name,
        "previous_generation": previous.name if previous else None,
        "seq": manifest.seq,
        "tiles": manifest.tiles,
        "bytes": manifest.bytes,
        "tiles_digest": manifest.tiles_digest,
        "last": call.request.flag("last"),
    }


def _switch(layout: Layout, name: str) -> None:
    temporary = os.path.join(layout.root, ".new-current")
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink("generations/" + name, temporary)
    os.replace(temporary, layout.current_link)
    sync_folder(layout.root)


def _look_through_current(layout: Layout, manifest: Manifest) -> None:
    """Open the cache as a consumer does."""
    uri = "file:%s?mode=ro&immutable=1" % quote(os.path.join(layout.current_link, DATABASE))
    connection = sqlite3.connect(uri, uri=True)
    try:
        (tiles,) = connection.execute("SELECT count(*) FROM map").fetchone()
    finally:
        connection.close()
    if tiles != manifest.tiles:
        raise AgentError("verify", "through current there are %d tiles, not %d" % (tiles, manifest.tiles))
