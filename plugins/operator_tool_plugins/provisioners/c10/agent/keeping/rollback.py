"""``rollback``: an earlier generation becomes the current one again, once every byte of it was verified.

The highest number that was ever switched to stays what it was: nobody can come back with an older signed manifest.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Optional

from ..building.publish import switch_to
from ..call import Call
from ..failpoints import failpoint
from ..faults import AgentError
from ..generations.access import open_to_readers
from ..generations.manifest import Manifest
from ..generations.soundness import FULL, Proven, check_generation, seal_of
from ..generations.state import committed_seq
from ..generations.trust import look, note_verified
from ..generations.verify import progress
from ..guard import BuildLock, patience_of
from ..layout import Generation, Layout, is_folder
from ..own_config import refuse_if_armed
from ..signing.signature import check_order
from .audit import note
from .known import known_or_little
from .quarantine import quarantine
from .retention import ways_back


def run(call: Call) -> Dict[str, object]:
    """Go back to the generation number ``to``, or, where that is 0, to the best that is older than the current one."""
    request = call.request
    layout = Layout(request.text("root"))
    seq = request.number("to", 0)
    signer = check_order(call, layout, "rollback", {"to": seq})
    if not is_folder(layout.generations):
        raise AgentError("no_cache", "there is no cache under %s" % layout.root)
    who: Dict[str, object] = {"operator": request.text("operator", ""), "run_id": request.text("run_id")}
    with BuildLock(layout).acquire(patience_of(call, 5.0), {**who, "pid": os.getpid()}) as lock:
        call.vehicle.begin(layout)
        before = layout.current()
        tick = progress(call, None)
        proven, manifest = first_sound(layout, _candidates(layout, seq), tick, **who)
        generation = proven.generation
        failpoint("rollback.after_verify")
        # Verifying takes its time, and the vehicle may have been armed meanwhile.
        refuse_if_armed(layout)
        call.dead_man.let_finish()
        lock.check()
        switch_to(layout, proven)
        note_verified(layout, generation.name, proven.seen)
        failpoint("rollback.after_switch")
        said: Dict[str, object] = {
            "generation": generation.name,
            "seq": generation.seq,
            "previous_generation": before.name if before else None,
            "signer": signer,
        }
        note(layout, "rollback", **said, **who, outcome="done")
        return {**said, "tiles": manifest.tiles}


def first_sound(
    layout: Layout, candidates: List[Generation], tick: Callable[[int], None], **who: object
) -> "tuple[Proven, Manifest]":
    """Return the first of these that is what it was built as, every byte read; those before it go to quarantine.

    Raises ``verify`` for the last of them where none is; ``who`` asked is logged with each that is put aside. One that
    is pinned stays where it is.
    """
    problem: Optional[AgentError] = None
    for generation in candidates:
        try:
            open_to_readers(generation.path)
            seen = look(generation.path)
            manifest = check_generation(layout, generation, FULL, tick)
            proven = Proven(generation, seen, seal_of(generation))
        except (AgentError, OSError) as error:
            if isinstance(error, AgentError) and error.code == "armed":
                raise
            found = error if isinstance(error, AgentError) else AgentError("verify", "it can't be read: %s" % error)
            text = "%s: %s" % (generation.name, found.message)
            if found.code == "verify" and generation != layout.current():
                # Not so where only its signer is no longer taken: that can be put right.
                text += " (%s)" % _put_aside(layout, generation, found.message, **who)
            problem = AgentError("verify", text)
        else:
            return proven, manifest
    raise problem or AgentError("no_target", "there is no older generation to go back to")


def _put_aside(layout: Layout, generation: Generation, why: str, **who: object) -> str:
    try:
        quarantine(layout, generation, why, **who)
    except AgentError as error:
        return error.message
    return "it is in quarantine now"


def _candidates(layout: Layout, seq: int) -> List[Generation]:
    generations, known = layout.all_generations(), known_or_little(layout)
    if not seq:
        return ways_back(generations, known)
    chosen = [one for one in generations if one.seq == seq]
    if not chosen:
        numbers = ", ".join(str(one.seq) for one in generations[:20])
        raise AgentError("no_generation", "there is no generation %d; there are: %s" % (seq, numbers or "none"))
    if seq > committed_seq(layout):
        raise AgentError("no_target", "%s was never switched to; a build takes it up" % chosen[0].name)
    if any(one.name == known.current for one in chosen):
        raise AgentError("no_target", "%s is current already" % known.current)
    if len(chosen) > 1:
        raise AgentError("no_target", "there are %d generations %d" % (len(chosen), seq))
    return chosen
