"""From a staging folder to the current generation: one rename makes it a generation, one makes it current.

Nothing is visible before it is verified and synced, and nothing is reported before the last sync. The order of the
steps is the promise; a power cut between any two of them leaves ``current`` at the old or the new generation, whole.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import Dict, NamedTuple, Optional
from urllib.parse import quote

from ..call import Call
from ..failpoints import failpoint
from ..faults import AgentError
from ..generations.files import check_listing, list_files
from ..generations.manifest import Manifest, check_completes
from ..generations.soundness import Proven, seal, seal_of
from ..generations.state import Record, committed_seq, record_to_replace, write_record
from ..generations.trust import check_untouched, look, note_verified
from ..guard import BuildLock
from ..keeping.audit import note
from ..keeping.claims import doubts as doubts_of
from ..keeping.quarantine import quarantine
from ..keeping.tidy import tidy
from ..layout import (
    BOOT_ID,
    DATABASE,
    FOLDER_MODE,
    MANIFEST,
    SIGNATURE,
    Generation,
    Layout,
    generation_name,
    set_mode,
    sync_folder,
    write_whole,
)
from ..own_config import refuse_if_armed
from ..signing.signature import SIGN_NAMESPACE, check_signature
from ..strict_json import parse_object
from ..wire import MAX_REQUEST_BYTES
from .made import Made

FINAL_WAIT_S = 120.0
COMMIT_WAIT_S = 120.0
_MAX_LINE_BYTES = 64


class Final(NamedTuple):
    """The final manifest as it came: what lies beside the database for good."""

    manifest: Manifest
    data: bytes
    signature: Optional[str]


def publish(call: Call, layout: Layout, lock: BuildLock, order: bytes, made: Made, signer: str) -> Dict[str, object]:
    """Make the staging folder a generation, wait for the word, switch to it, and return the report's fields."""
    final = _final(call, layout, order, made)
    manifest = final.manifest
    failpoint("publish.after_final")
    proven = _lay_down(layout, final, made)
    generation = proven.generation
    previous = layout.current()
    call.outlet.event("ready", generation=generation.name)
    if call.inlet.word(_MAX_LINE_BYTES, COMMIT_WAIT_S) != b"commit":
        raise AgentError("not_committed", "the workstation did not commit; the old cache is current")
    failpoint("publish.after_commit_word")
    doubts = doubts_of(layout)
    # The vehicle may have been armed since the greeting; what was built stays, for the next attempt.
    refuse_if_armed(layout)
    # From here on it is quicker to finish than to be ended half-way; the workstation may ask again what came of it.
    call.dead_man.let_finish()
    lock.check()
    switch_to(layout, proven)
    try:
        _look_through_current(layout, manifest)
        check_untouched(generation.path, proven.seen)
    except (AgentError, OSError, sqlite3.Error) as error:
        _take_back_switch(layout, generation, previous)
        raise AgentError("verify", "the new cache can't be read through current: %s" % error) from None
    failpoint("publish.after_look_through")
    note_verified(layout, generation.name, proven.seen)
    said: Dict[str, object] = {
        "generation": generation.name,
        "previous_generation": previous.name if previous else None,
        "seq": manifest.seq,
    }
    note(layout, "build", **said, run_id=manifest.run_id, operator=call.request.text("operator", ""), signer=signer)
    failpoint("publish.after_audit")
    return {
        **said,
        "tiles": manifest.tiles,
        "bytes": manifest.bytes,
        "tiles_digest": manifest.tiles_digest,
        "files": len(manifest.all_files),
        "signer": signer,
        "tidied": tidy(layout, lock, call.vehicle.look, doubts=doubts),
        "last": call.request.flag("last"),
    }


def switch_to(layout: Layout, proven: Proven) -> None:
    """Make a verified generation the current one: the intent noted, one rename, and noted as done.

    Raises ``verify`` where it was written to after it was verified, ``state`` where the record can't be read.
    """
    generation = proven.generation
    check_untouched(generation.path, proven.seen)
    record = record_to_replace(layout)
    current = layout.current()
    # The link itself tells what is current, should an earlier switch not have been noted.
    there = {one.name for one in layout.all_generations()}
    record = record._replace(
        highest_seq=committed_seq(layout),
        current=current.name if current else None,
        switching_to=generation.name,
        seals={
            **{name: noted for name, noted in record.seals.items() if name in there},
            generation.name: proven.seal,
        },
    )
    write_record(layout, record)
    failpoint("publish.after_intent")
    temporary = os.path.join(layout.root, ".new-current")
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink("generations/" + generation.name, temporary)
    failpoint("publish.after_link")
    os.replace(temporary, layout.current_link)
    failpoint("publish.after_switch")
    sync_folder(layout.root)
    failpoint("publish.after_switch_synced")
    highest = max(record.highest_seq, generation.seq)
    previous = record.previous if record.current in (None, generation.name) else record.current
    write_record(layout, Record(highest, generation.name, None, previous, record.seals))
    failpoint("publish.after_done")


def _final(call: Call, layout: Layout, order: bytes, made: Made) -> Final:
    """Tell what was made, and take the manifest that names it."""
    call.outlet.event("made", files=[entry._asdict() for entry in made.files])
    line = call.inlet.word(MAX_REQUEST_BYTES, FINAL_WAIT_S)
    if line is None:
        raise AgentError("eof", "standard input ended before the final manifest")
    try:
        said = parse_object(line)
        data = said["manifest"].encode("utf-8")
        signature = None if said["signature"] is None else said["signature"].encode("ascii").decode("ascii")
    except (ValueError, KeyError, AttributeError) as error:
        raise AgentError("request", "the final manifest can't be read: %s" % type(error).__name__) from None
    check_signature(layout, data, signature, SIGN_NAMESPACE)
    return Final(check_completes(data, order, made.files), data, signature)


def _lay_down(layout: Layout, final: Final, made: Made) -> Proven:
    """Complete the staging folder and rename it to a generation, with everything synced.

    Raises ``verify`` where anything in it is not what was made and ordered.
    """
    manifest = final.manifest
    staging = layout.staging(manifest.content_key)
    # A folder that is taken back to staging must not be believed for its boot's sake.
    os.unlink(os.path.join(staging, BOOT_ID))
    failpoint("publish.before_manifest")
    # Readers come in with the rename; until then the folder that it lies in keeps them out.
    set_mode(staging, FOLDER_MODE)
    if final.signature is not None:
        write_whole(os.path.join(staging, SIGNATURE), final.signature.encode("utf-8"))
    write_whole(os.path.join(staging, MANIFEST), final.data)
    failpoint("publish.after_manifest")
    check_listing(list_files(staging), manifest.listing(final.signature is not None))
    seen = look(staging) or {}
    check_untouched(staging, {**seen, **made.seen})
    generation = Generation(
        generation_name(manifest.seq, manifest.content_key), staging, manifest.seq, manifest.content_key[:12]
    )
    sealed = seal(final.data, final.signature)
    if seal_of(generation) != sealed:
        raise AgentError("verify", "the manifest was written to before it was published")
    path = os.path.join(layout.generations, generation.name)
    os.rename(staging, path)
    failpoint("publish.after_rename")
    sync_folder(layout.generations)
    sync_folder(layout.stagings)
    failpoint("publish.after_rename_synced")
    return Proven(generation._replace(path=path), seen, sealed)


def _take_back_switch(layout: Layout, generation: Generation, previous: Optional[Generation]) -> None:
    if previous is not None:
        switch_to(layout, Proven(previous, look(previous.path), _noted_seal(layout, previous)))
    else:
        os.unlink(layout.current_link)
        sync_folder(layout.root)
        record = record_to_replace(layout)
        write_record(layout, record._replace(current=None, switching_to=None))
    with contextlib.suppress(AgentError):
        # One that a consumer has pinned already stays where it is.
        quarantine(layout, generation, "it could not be read through current")


def _noted_seal(layout: Layout, generation: Generation) -> str:
    return record_to_replace(layout).seals.get(generation.name) or seal_of(generation)


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
