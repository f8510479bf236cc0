"""What was verified since this machine started, and has not been touched since: it need not be read again.

The note names every file of a generation as the kernel knows it. Whoever writes to a file, replaces it, adds one, or
sets its times changes its ctime, its inode or the listing; another boot makes every note worthless. What no note can
tell is a disk that forgets what it was given, before the machine has started again.
"""

from __future__ import annotations

import os
from typing import Dict, List, Optional

from ..faults import AgentError
from ..layout import Generation, Layout, boot_id, is_folder
from .files import list_files
from .state import read_checked, write_checked

NAME = "verified.json"
Seen = Dict[str, List[int]]
"""For each file: device, inode, size, mtime_ns, ctime_ns, and its type and permissions."""


def look(folder: str) -> Optional[Seen]:
    """Return how the kernel knows the files of a generation now; take it before their bytes are read."""
    try:
        return {name: look_at(os.path.join(folder, name)) for name in sorted(list_files(folder))}
    except (OSError, AgentError):
        return None


def look_at(path: str) -> List[int]:
    """Return how the kernel knows one file now."""
    found = os.lstat(path)
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode]


def note_verified(layout: Layout, generation: str, seen: Optional[Seen]) -> None:
    """Note that these very files were read wholly and found sound. Whoever may not write there notes nothing."""
    boot = boot_id()
    if seen is None or not boot or not is_folder(layout.state):
        return
    try:
        # Durably: what a power cut has torn would look like what somebody has changed.
        write_checked(_path(layout), {"boot_id": boot, "generation": generation, "files": seen})
    except OSError:
        return


def is_verified_since_boot(layout: Layout, generation: Generation) -> bool:
    """Tell whether the files of this generation are, untouched, those that were verified in this boot."""
    try:
        note = read_checked(_path(layout))
    except (OSError, AgentError):
        return False
    boot = boot_id()
    wanted = {"boot_id": boot, "generation": generation.name, "files": look(generation.path)}
    return bool(boot) and wanted["files"] is not None and note == wanted


def _path(layout: Layout) -> str:
    return os.path.join(layout.state, NAME)
