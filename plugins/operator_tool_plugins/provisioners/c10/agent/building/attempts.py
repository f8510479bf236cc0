"""In how many boots one run's build was begun and not made: one that brings the companion down isn't begun for ever.

Whoever drives the agent may begin the same build again after each restart. Where the build itself is what restarts the
companion (memory, heat, a driver that a stage wakes), that would go on until somebody flies. Boots are counted and not
calls: a link that breaks ten times costs nothing.
"""

from __future__ import annotations

import os
from typing import List

from ..faults import AgentError
from ..generations.state import read_checked, write_checked
from ..layout import Layout, boot_id

MAX_BOOTS = 5
"""As Mender's loop breaker."""
NAME = "attempts.json"


def begin(layout: Layout, run_id: str) -> None:
    """Note durably that this run's build begins in this boot; raises ``attempts`` in the sixth such boot."""
    boot = boot_id()
    boots = _boots_of(layout, run_id)
    if not boot or boot in boots:
        return
    if len(boots) >= MAX_BOOTS:
        raise AgentError(
            "attempts",
            "the build of run %s was begun in %d boots of this companion and made in none of them: find out what"
            " restarts it (journalctl -b -1 shows the end of the boot before), then run the command again"
            % (run_id, len(boots)),
            {"boots": len(boots)},
        )
    write_checked(_path(layout), {"run_id": run_id, "boots": [*boots, boot]})


def end(layout: Layout) -> None:
    """Forget it: the build that was begun last was made. A power cut may undo this, and harms nothing."""
    try:
        os.unlink(_path(layout))
    except FileNotFoundError:
        return


def _boots_of(layout: Layout, run_id: str) -> List[str]:
    """Return the boots noted for this run; another run, or a note that can't be believed, has none."""
    try:
        note = read_checked(_path(layout))
    except (AgentError, OSError):
        return []
    boots = note.get("boots")
    if note.get("run_id") != run_id or not isinstance(boots, list):
        return []
    return [boot for boot in boots if isinstance(boot, str)]


def _path(layout: Layout) -> str:
    return os.path.join(layout.state, NAME)
