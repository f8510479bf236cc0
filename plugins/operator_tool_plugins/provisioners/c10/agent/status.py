"""``status``: what ``hello`` tells, and all that lies here: generations, what was begun or put aside, what was done.

Nothing is written, and no generation is read but its manifest.
"""

from __future__ import annotations

import os
from typing import Dict, List

from . import hello
from .call import Call
from .faults import AgentError
from .generations.origin import origin_of
from .generations.verify import memory_problems
from .identity import identity_notes, look_at_identity
from .keeping.audit import last_lines
from .keeping.known import kept
from .keeping.refusals import last_refusals
from .keeping.removal import disk_bytes, names_in
from .layout import Generation, Layout

_AUDIT_LINES = 5
_MAX_NAMES = 100


def run(call: Call) -> Dict[str, object]:
    """Answer."""
    layout = Layout(call.request.text("root"))
    generations = _generations(layout)
    why, notes = kept(layout, generations)
    problems = [str(problem["problem"]) for problem in memory_problems(layout)]
    return {
        **hello.run(call),
        "generations": [_described(one, why[one.name]) for one in generations[:_MAX_NAMES]],
        "stagings": _sizes(layout.stagings),
        "quarantine": _sizes(layout.quarantine),
        "audit": last_lines(layout, _AUDIT_LINES),
        "refusals": last_refusals(layout, _AUDIT_LINES),
        "notes": identity_notes(look_at_identity(layout)) + notes + problems,
    }


def _generations(layout: Layout) -> List[Generation]:
    try:
        return layout.all_generations()
    except AgentError:
        # The greeting has it among its reasons.
        return []


def _described(generation: Generation, why: List[str]) -> Dict[str, object]:
    said: Dict[str, object] = {
        "name": generation.name,
        "seq": generation.seq,
        "bytes": disk_bytes(generation.path),
        "kept_for": why,
        "problem": "",
    }
    try:
        return {**said, **origin_of(generation.path)}
    except AgentError as error:
        return {**said, "problem": error.message}


def _sizes(folder: str) -> Dict[str, int]:
    return {name[:100]: disk_bytes(os.path.join(folder, name)) for name in names_in(folder)[:_MAX_NAMES]}
