"""Whether a stage wrote anywhere below the cache root but into its own folder."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Dict, Optional, Tuple

from ..generations.trust import NAME as TRUST_NOTE
from ..layout import Layout
from ..trial import PREFIX as TRIAL

_OTHERS = (
    "audit.jsonl",
    "audit.jsonl.1",
    "refused.jsonl",
    "refused.jsonl.1",
    "state/consumer.json",
    "state/.new-consumer.json",
    "state/consumer.lock",
    "state/.new-" + TRUST_NOTE,
)
"""What consumers, and other calls of the agent, write at any time."""
Seen = Dict[str, Tuple[int, ...]]
"""For each path below the root how the kernel knows it."""


def look_around(layout: Layout, own: str) -> Seen:
    """Return all that lies below the root but the stage's own folder and what others may write meanwhile."""
    free = {own, layout.lock_holder, layout.pins}
    free.update(os.path.join(layout.root, name) for name in _OTHERS)
    seen: Seen = {}
    folders = [layout.root]
    for folder in folders:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.path in free or (folder == layout.root and entry.name.startswith(TRIAL)):
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode):
                folders.append(entry.path)
                # Its times change with the names in it, and these are looked at one by one.
                seen[entry.path] = (found.st_ino, found.st_mode)
            else:
                seen[entry.path] = (
                    found.st_ino,
                    found.st_size,
                    found.st_mtime_ns,
                    found.st_ctime_ns,
                    found.st_mode,
                )
    return seen


def first_difference(layout: Layout, before: Seen, after: Seen) -> Optional[str]:
    """Return the first path that is not as it was, None where all are.

    The note of what was verified may be another call's, so that it is no sign of a stage; it is dropped all the same,
    since it may be the stage's.
    """
    note = os.path.join(layout.state, TRUST_NOTE)
    changed = [path for path in sorted({**before, **after}) if before.get(path) != after.get(path)]
    if note in changed:
        changed.remove(note)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(note)
    return changed[0] if changed else None
