"""Where a generation goes that is not what it was built as: out of the way, and kept for whoever wants to know why."""

from __future__ import annotations

import os

from ..faults import AgentError
from ..layout import Generation, Layout, make_folder, sync_folder
from .audit import note
from .claims import why_in_use


def quarantine(layout: Layout, generation: Generation, why: str, **who: object) -> None:
    """Take a generation that is not in use out of the way. Raises ``layout`` for one that is, and it stays."""
    reason = why_in_use(layout, generation)
    if reason is not None:
        raise AgentError("layout", "%s stays where it is: %s" % (generation.name, reason))
    make_folder(layout.quarantine)
    name = generation.name
    number = 0
    while os.path.lexists(os.path.join(layout.quarantine, name)):
        number += 1
        name = "%s-%d" % (generation.name, number)
    os.rename(generation.path, os.path.join(layout.quarantine, name))
    sync_folder(layout.quarantine)
    sync_folder(layout.generations)
    note(layout, "quarantine", generation=generation.name, seq=generation.seq, moved_to=name, reason=why, **who)
