"""``hello`` and ``status``: what this companion is and holds, and whether it can be built.

Nothing is written but the note that a cache was just verified wholly, and not even that with ``only_look``.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from typing import Dict, Optional

from . import PROTOCOL, VERSION
from .call import Call
from .faults import AgentError, free_space
from .generations.manifest import read_manifest
from .generations.origin import origin_of
from .generations.soundness import FULL, QUICK, check_generation
from .generations.state import highest_seq
from .generations.trust import is_verified_since_boot, look, note_verified
from .generations.verify import progress
from .ground import look_at_ground
from .guard import holder, is_held, patience_of
from .identity import identity_notes, look_at_identity
from .keeping.claims import doubts, why_unreadable
from .layout import DATABASE, Generation, Layout, boot_id
from .own_config import ask_armed
from .reader import why_no_consumer_reads
from .required import Required, missing_files, read_required, why_not_as_asked
from .signing.signers import signers


def run(call: Call) -> Dict[str, object]:
    """Answer; where the current generation has the request's content key, its bytes are verified just now."""
    request = call.request
    layout = Layout(request.text("root"))
    key = request.content_key("")
    ground = look_at_ground(call, layout, key)
    reasons = ground.reasons
    unreadable = why_unreadable(layout)
    reasons += unreadable or why_no_consumer_reads(layout)
    identity = look_at_identity(layout)
    reasons += ["who this companion is can't be told: " + identity.problem] if identity.problem else []
    held = False
    try:
        held = not reasons and is_held(layout, patience_of(call, 0.0))
    except OSError as error:
        reasons.append("whether the companion's lock is held can't be told: %s" % error)
    armed = ask_armed(layout)
    try:
        taken_from = signers(layout)
    except AgentError as error:
        taken_from = None
        reasons.append(error.message)
    required = read_required(layout, request, gated=call.gated)
    reasons += required.reasons
    current = None if unreadable else layout.current()
    verified = None
    if current and key:
        try:
            verified = _verified(call, layout, current, key, required, may_read=not armed.reason)
        except AgentError as error:
            if error.code != "armed":
                raise
            armed = ask_armed(layout)
    reasons += [armed.reason] if armed.reason else []
    return {
        "last": bool(request.flag("end_if_verified") and verified and verified["ok"]),
        "protocol": PROTOCOL,
        "agent": VERSION,
        "agent_sha256": own_sha256(),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "machine": os.uname().machine,
        "gated": call.gated,
        "armed": armed.state,
        "companion_id": identity.id,
        "boot_id": boot_id(),
        "nonce": call.nonce,
        "clock": int(time.time()),
        "root": layout.root,
        "volume": ground.volume,
        "in_memory": ground.in_memory,
        "reasons": list(dict.fromkeys(reasons)),
        "busy": holder(layout) if held else None,
        "signers": taken_from,
        "highest_seq": 0 if unreadable else highest_seq(layout),
        "stages": required.told(),
        "missing_files": missing_files(required, layout, current),
        "current": None if current is None else _described(current, key, required),
        "verified": verified,
        "staged_bytes": _size(os.path.join(layout.staging(key), DATABASE)) if key else 0,
        "notes": identity_notes(identity) + doubts(layout),
        **free_space(layout.root),
    }


def own_sha256() -> str:
    """Return the hash of the file that this agent runs from; empty when it is not one file."""
    try:
        with open(sys.argv[0], "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""


def _described(current: Generation, key: str, required: Required) -> Dict[str, object]:
    """Return what the current generation says of itself: whose build it was is how a lost report is recovered."""
    said: Dict[str, object] = {"name": current.name, "seq": current.seq}
    try:
        manifest = read_manifest(current.path)
        said = {**said, **origin_of(current.path)}
    except AgentError:
        return {**said, "content_key": "", "run_id": "", "tiles_digest": ""}
    return {
        **said,
        "content_key": manifest.content_key,
        "run_id": manifest.run_id,
        "tiles_digest": manifest.tiles_digest,
        "differs": why_not_as_asked(manifest, required) if key == manifest.content_key else "",
    }


def _verified(
    call: Call, layout: Layout, current: Generation, key: str, required: Required, *, may_read: bool
) -> Optional[Dict[str, object]]:
    """Return whether every byte is what it was built as, None where the current generation is another cache.

    All of them are read and hashed, unless that was done since this machine started and nobody has touched them; None,
    too, where they would have to be read and the vehicle is armed. Raises ``armed`` where it is meanwhile.
    """
    if current.key_prefix != key[:12]:
        return None
    since_boot = is_verified_since_boot(layout, current)
    seen = look(current.path)
    try:
        manifest = read_manifest(current.path)
        if manifest.content_key != key or why_not_as_asked(manifest, required):
            return None
        # Who may sign can have changed since.
        how = QUICK if since_boot else FULL
        if how == FULL:
            if not may_read:
                return None
            call.vehicle.begin(layout)
        check_generation(layout, current, how, progress(call, sum(entry.bytes for entry in manifest.all_files)))
    except AgentError as error:
        if error.code == "armed":
            raise
        return {"ok": False, "how": "full", "problem": error.message, "tiles": 0, "tiles_digest": ""}
    if not since_boot and not call.request.flag("only_look"):
        note_verified(layout, current.name, seen)
    return {
        "ok": True,
        "how": "since boot" if since_boot else "full",
        "problem": "",
        "tiles": manifest.tiles,
        "tiles_digest": manifest.tiles_digest,
    }


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
